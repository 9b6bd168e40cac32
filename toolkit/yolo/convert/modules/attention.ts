import type { Value } from '../../../onnx/graph/graph.ts';
import { add, floats, matMul, multiply, reshape, slice, softmax, transpose } from '../../../onnx/graph/operators.ts';
import { asNumber } from '../../../pytorch/pickle/value.ts';
import {
  attribute,
  childOf,
  type Feature,
  flag,
  halvesOf,
  IMAGES,
  integerAttribute,
  type Layers,
  onlyInput,
  sameShape,
  summed,
  unsupportedModule,
} from '../layers.ts';
import type { ModuleNode } from '../module-tree.ts';
import { joined } from './blocks.ts';
import { convBlock } from './convolution.ts';

/** `PSABlock` of YOLO11: attention, then two convolutions, each step added to its input. */
export function psaBlock(layers: Layers, module: ModuleNode, inputs: readonly Feature[]): Feature {
  return attended(layers, module, 'ffn', onlyInput(layers, module, inputs), flag(module, 'add', true));
}

/** `ABlock` of YOLO12: like PSABlock, with attention within areas. */
export function aBlock(layers: Layers, module: ModuleNode, inputs: readonly Feature[]): Feature {
  return attended(layers, module, 'mlp', onlyInput(layers, module, inputs), true);
}

/** `PSA` of YOLOv10: attention on the second half of the channels, concatenated with the first half. */
export function psa(layers: Layers, module: ModuleNode, inputs: readonly Feature[]): Feature {
  const [a, b] = halvesOf(
    layers,
    module,
    layers.build(childOf(layers, module, 'cv1'), [onlyInput(layers, module, inputs)]),
  );
  return layers.build(childOf(layers, module, 'cv2'), [
    joined(layers, module, [a, attended(layers, module, 'ffn', b, true)]),
  ]);
}

function attended(layers: Layers, module: ModuleNode, mixer: string, x: Feature, isAdded: boolean): Feature {
  const attention = layers.build(childOf(layers, module, 'attn'), [x]);
  const first = isAdded ? summed(layers, module, `${module.place}.attended`, x, attention) : attention;
  const second = layers.build(childOf(layers, module, mixer), [first]);
  return isAdded ? summed(layers, module, `${module.place}.mixed`, first, second) : second;
}

/** Queries, keys and values of `heads` heads over areas of pixels; the areas of all images follow one another. */
interface Heads {
  /** [areas, heads, pixels, features] */
  readonly queries: Value;
  /** [areas, heads, features, pixels] */
  readonly keys: Value;
  /** [areas, heads, features, pixels] */
  readonly values: Value;
}

/**
 * `Attention` of YOLOv10 and YOLO11: self-attention over all pixels of the map. A depthwise convolution of the values adds
 * a position encoding.
 */
export function attention(layers: Layers, module: ModuleNode, inputs: readonly Feature[]): Feature {
  const x = onlyInput(layers, module, inputs);
  const { graph } = layers;
  const { place } = module;
  const heads = integerAttribute(module, 'num_heads', 1);
  const keyLength = integerAttribute(module, 'key_dim', 1);
  const length = integerAttribute(module, 'head_dim', 1);
  const mixed = layers.build(childOf(layers, module, 'qkv'), [x]);
  const perHead = 2 * keyLength + length;
  if (mixed.channels !== heads * perHead || heads * length !== x.channels) {
    throw unsupportedModule(layers, module, `has ${heads} heads of ${perHead} features for ${mixed.channels} channels`);
  }
  const pixels = x.height * x.width;
  const split = reshape(graph, `${place}.heads`, mixed.value, [IMAGES, heads, perHead, pixels]);
  const queries = slice(graph, `${place}.queries`, split, 2, 0, keyLength);
  const values = slice(graph, `${place}.values`, split, 2, 2 * keyLength, perHead);
  const result = weighed(layers, module, scaleOf(module, keyLength), {
    queries: transpose(graph, `${place}.queries.last`, queries, [0, 1, 3, 2]),
    keys: slice(graph, `${place}.keys`, split, 2, keyLength, 2 * keyLength),
    values,
  });
  const map = (name: string, value: Value) =>
    sameShape(x, reshape(graph, `${place}.${name}`, value, [IMAGES, x.channels, x.height, x.width]));
  return projected(layers, module, map('map', result), map('values.map', values));
}

/** `AAttn` of YOLO12: attention within each of `area` equal stripes of the map. */
export function areaAttention(layers: Layers, module: ModuleNode, inputs: readonly Feature[]): Feature {
  const x = onlyInput(layers, module, inputs);
  const { graph } = layers;
  const { place } = module;
  const heads = integerAttribute(module, 'num_heads', 1);
  const length = integerAttribute(module, 'head_dim', 1);
  const areas = integerAttribute(module, 'area', 1);
  const channels = heads * length;
  const mixed = layers.build(childOf(layers, module, 'qkv'), [x]);
  const pixels = (x.height * x.width) / areas;
  if (mixed.channels !== 3 * channels || !Number.isInteger(pixels)) {
    throw unsupportedModule(layers, module, `splits ${x.height} x ${x.width} px into ${areas} areas`);
  }
  // From [images, heads x 3 length, areas x pixels] to areas first, those of all images in one axis.
  const stripes = reshape(graph, `${place}.stripes`, mixed.value, [IMAGES, heads, 3 * length, areas, pixels]);
  const areasFirst = transpose(graph, `${place}.areas.first`, stripes, [0, 3, 1, 2, 4]);
  const split = reshape(graph, `${place}.areas`, areasFirst, [-1, heads, 3 * length, pixels]);
  const queries = slice(graph, `${place}.queries`, split, 2, 0, length);
  const values = slice(graph, `${place}.values`, split, 2, 2 * length, 3 * length);
  const result = weighed(layers, module, length ** -0.5, {
    queries: transpose(graph, `${place}.queries.last`, queries, [0, 1, 3, 2]),
    keys: slice(graph, `${place}.keys`, split, 2, length, 2 * length),
    values,
  });
  const map = (name: string, value: Value) => {
    const perImage = reshape(graph, `${place}.${name}.areas`, value, [-1, areas, heads, length, pixels]);
    const together = transpose(graph, `${place}.${name}.together`, perImage, [0, 2, 3, 1, 4]);
    const whole = reshape(graph, `${place}.${name}`, together, [IMAGES, channels, x.height, x.width]);
    return { value: whole, channels, height: x.height, width: x.width };
  };
  return projected(layers, module, map('map', result), map('values.map', values));
}

/** Computes scaled dot-product attention: [areas, heads, features, pixels]. */
function weighed(layers: Layers, { place }: ModuleNode, scale: number, { queries, keys, values }: Heads): Value {
  const { graph } = layers;
  const factor = floats(graph, `${place}.scale`, [1], () => Float32Array.of(scale));
  const products = matMul(graph, `${place}.products`, multiply(graph, `${place}.scaled`, queries, factor), keys);
  const weights = softmax(graph, `${place}.weights`, products, 3);
  return matMul(graph, `${place}.weighed`, values, transpose(graph, `${place}.weights.last`, weights, [0, 1, 3, 2]));
}

function projected(layers: Layers, module: ModuleNode, map: Feature, values: Feature): Feature {
  const places = layers.build(childOf(layers, module, 'pe'), [values]);
  const sum = summed(layers, module, `${module.place}.placed`, map, places);
  return layers.build(childOf(layers, module, 'proj'), [sum]);
}

function scaleOf(module: ModuleNode, keyLength: number): number {
  const located = attribute(module, 'scale');
  return located.value === undefined ? keyLength ** -0.5 : asNumber(located);
}

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
  const attended = multiheadAttention(layers, childOf(layers, module, 'ma'), of('q'), of('k'), of('v'));
  const first = { ...x, value: add(graph, `${module.place}.attended`, attended, x.value) };
  const inner = { ...x, value: linear(layers, childOf(layers, module, 'fc1'), first) };
  const outer = linear(layers, childOf(layers, module, 'fc2'), inner);
  return { ...x, value: add(graph, `${module.place}.mixed`, outer, first.value) };
}

/** `torch.nn.MultiheadAttention` with queries, keys and values of equal length. */
function multiheadAttention(
  layers: Layers,
  module: ModuleNode,
  query: Sequence,
  key: Sequence,
  value: Sequence,
): Value {
  const { graph, usage } = layers;
  const { place } = module;
  const { pixels, features } = query;
  const heads = integerAttribute(module, 'num_heads', 1);
  const length = features / heads;
  if (!Number.isInteger(length))
    throw unsupportedModule(layers, module, `splits ${features} features into ${heads} heads`);
  const weight = usage.use(module, 'in_proj_weight', [3 * features, features]);
  const bias = usage.use(module, 'in_proj_bias', [3 * features]);
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
  const { graph, usage } = layers;
  const { place } = module;
  const weight = usage.use(module, 'weight', [features, features]);
  const matrix = floats(graph, `${place}.weight`, [features, features], async () =>
    transposed(await weight.read(), features, features),
  );
  if (!usage.has(module, 'bias')) return matMul(graph, place, value, matrix);
  const bias = floats(graph, `${place}.bias`, [features], usage.use(module, 'bias', [features]).read);
  return add(graph, place, matMul(graph, `${place}.product`, value, matrix), bias);
}

function transposed(matrix: Float32Array, rows: number, columns: number): Float32Array {
  const result = new Float32Array(matrix.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) result[column * rows + row] = matrix[row * columns + column] ?? 0;
  }
  return result;
}
