import type { Value } from '../../../onnx/graph/graph.ts';
import { add, floats, matMul, multiply, reshape, softmax, transpose } from '../../../onnx/graph/operators.ts';
import {
  childOf,
  type Feature,
  IMAGES,
  integerAttribute,
  type Layers,
  onlyInput,
  unsupportedModule,
} from '../layers.ts';
import type { ModuleNode } from '../module-tree.ts';
import { convBlock } from './convolution.ts';

/** Pixels as a sequence: [images, pixels, features]. */
interface Sequence {
  readonly value: Value;
  readonly pixels: number;
  readonly features: number;
}

/**
 * `TransformerBlock`, the chain in `C3TR`: several layers of self-attention over all pixels. A linear map of each pixel is
 * added as its position embedding.
 */
export function transformerBlock(layers: Layers, module: ModuleNode, inputs: readonly Feature[]): Feature {
  const { graph } = layers;
  const conv = module.children.get('conv');
  const input = onlyInput(layers, module, inputs);
  const x = conv === undefined ? input : convBlock(layers, conv, input);
  const pixels = x.height * x.width;
  const flat = reshape(graph, `${module.place}.flat`, x.value, [IMAGES, x.channels, pixels]);
  const value = transpose(graph, `${module.place}.sequence`, flat, [0, 2, 1]);
  const start = { value, pixels, features: x.channels };
  const position = linear(layers, childOf(layers, module, 'linear'), start);
  let sequence = { ...start, value: add(graph, `${module.place}.placed`, value, position) };
  for (const layer of childOf(layers, module, 'tr').children.values()) {
    sequence = transformerLayer(layers, layer, sequence);
  }
  const back = transpose(graph, `${module.place}.back`, sequence.value, [0, 2, 1]);
  const map = reshape(graph, module.place, back, [IMAGES, x.channels, x.height, x.width]);
  return { value: map, channels: x.channels, height: x.height, width: x.width };
}

/** `TransformerLayer`, without normalisation: attention, then two linear maps, each step added to its input. */
function transformerLayer(layers: Layers, module: ModuleNode, x: Sequence): Sequence {
  const { graph } = layers;
  const of = (name: string) => ({ ...x, value: linear(layers, childOf(layers, module, name), x) });
  const attended = attention(layers, childOf(layers, module, 'ma'), of('q'), of('k'), of('v'));
  const first = { ...x, value: add(graph, `${module.place}.attended`, attended, x.value) };
  const inner = { ...x, value: linear(layers, childOf(layers, module, 'fc1'), first) };
  const outer = linear(layers, childOf(layers, module, 'fc2'), inner);
  return { ...x, value: add(graph, `${module.place}.mixed`, outer, first.value) };
}

/** `torch.nn.MultiheadAttention` with queries, keys and values of equal length. */
function attention(layers: Layers, module: ModuleNode, query: Sequence, key: Sequence, value: Sequence): Value {
  const { graph, ledger } = layers;
  const { place } = module;
  const { pixels, features } = query;
  const heads = integerAttribute(module, 'num_heads', 1);
  const length = features / heads;
  if (!Number.isInteger(length))
    throw unsupportedModule(layers, module, `splits ${features} features into ${heads} heads`);
  const weight = ledger.use(module, 'in_proj_weight', [3 * features, features]);
  const bias = ledger.use(module, 'in_proj_bias', [3 * features]);
  const projected = (index: number, { value: x }: Sequence) => {
    const name = `${place}.in.${index}`;
    const part = floats(graph, `${name}.weight`, [features, features], async () => {
      const all = await weight.read();
      return transposed(all.subarray(index * features ** 2, (index + 1) * features ** 2), features, features);
    });
    const shift = floats(graph, `${name}.bias`, [features], async () =>
      (await bias.read()).slice(index * features, (index + 1) * features),
    );
    const y = add(graph, name, matMul(graph, `${name}.product`, x, part), shift);
    return reshape(graph, `${name}.heads`, y, [IMAGES, pixels, heads, length]);
  };
  const scale = floats(graph, `${place}.scale`, [1], () => Float32Array.of(length ** -0.5));
  const scaled = multiply(graph, `${place}.scaled`, projected(0, query), scale);
  const queries = transpose(graph, `${place}.queries`, scaled, [0, 2, 1, 3]);
  const keys = transpose(graph, `${place}.keys`, projected(1, key), [0, 2, 3, 1]);
  const values = transpose(graph, `${place}.values`, projected(2, value), [0, 2, 1, 3]);
  const weights = softmax(graph, `${place}.weights`, matMul(graph, `${place}.products`, queries, keys), 3);
  const together = transpose(
    graph,
    `${place}.together`,
    matMul(graph, `${place}.weighed`, weights, values),
    [0, 2, 1, 3],
  );
  const whole = reshape(graph, `${place}.whole`, together, [IMAGES, pixels, features]);
  return linear(layers, childOf(layers, module, 'out_proj'), { value: whole, pixels, features });
}

/** `torch.nn.Linear` over the features of a sequence, with equally many outputs and inputs. */
function linear(layers: Layers, module: ModuleNode, { value, features }: Sequence): Value {
  const { graph, ledger } = layers;
  const { place } = module;
  const weight = ledger.use(module, 'weight', [features, features]);
  const matrix = floats(graph, `${place}.weight`, [features, features], async () =>
    transposed(await weight.read(), features, features),
  );
  if (!ledger.has(module, 'bias')) return matMul(graph, place, value, matrix);
  const bias = floats(graph, `${place}.bias`, [features], ledger.use(module, 'bias', [features]).read);
  return add(graph, place, matMul(graph, `${place}.product`, value, matrix), bias);
}

function transposed(matrix: Float32Array, rows: number, columns: number): Float32Array {
  const result = new Float32Array(matrix.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) result[column * rows + row] = matrix[row * columns + column] ?? 0;
  }
  return result;
}
