import type { GraphNode, GraphTensor, OnnxGraph } from './graph.ts';
import { GraphBuilder, type Value } from './graph.ts';
import { add, conv, depthToSpace, floats, matMul, reshape, transpose } from './operators.ts';
import { integersOf, valueShapes } from './value-shapes.ts';
import { PRODUCTS, pixelTransform, productTransform, REACH, TILE, transformWeights } from './winograd-transforms.ts';

/** Size from which saving three quarters of the products outweighs the transforms and four times the weights. */
export interface WinogradBounds {
  readonly inputs: number;
  /** Pixels of a feature map. */
  readonly pixels: number;
}

/** Measured on the paper's network (bench/README.md): below this size, a rewritten convolution takes as long or longer. */
const WORTHWHILE: WinogradBounds = { inputs: 256, pixels: 32 * 32 };

/** A convolution that can be rewritten. */
interface Convolution {
  readonly node: GraphNode;
  readonly weight: GraphTensor;
  readonly bias: GraphTensor;
  readonly inputs: number;
  readonly outputs: number;
  readonly height: number;
  readonly width: number;
}

/**
 * Rewrites 3 x 3 convolutions with many channels to Winograd's algorithm, in operators that every ONNX Runtime has. The
 * result is equal in exact arithmetic; in float32 it is as close as with another order of summation.
 *
 * The pixel transform is a convolution of each channel alone, which also pads the borders. It is followed by one matrix
 * product over all channels for each of the 36 points. Finally, blocks of 4 x 4 px are summed and moved to their
 * positions.
 *
 * @returns The graph itself if there is nothing to rewrite.
 */
export function withWinograd(graph: OnnxGraph, bounds = WORTHWHILE): OnnxGraph {
  const convolutions = new Map(convolutionsOf(graph, bounds).map((each) => [each.node.name, each]));
  if (convolutions.size === 0) return graph;
  const built = new GraphBuilder(graph.name);
  for (const { name, elementType, shape } of graph.inputs) built.input(name, elementType, shape);
  const replaced = new Set([...convolutions.values()].flatMap(({ weight, bias }) => [weight.name, bias.name]));
  for (const { name, inputs } of graph.nodes) {
    if (!convolutions.has(name)) for (const input of inputs) replaced.delete(input);
  }
  for (const tensor of graph.tensors) if (!replaced.has(tensor.name)) built.tensor(tensor);
  const transforms = transformsOf(built);
  for (const node of graph.nodes) {
    const convolution = convolutions.get(node.name);
    if (convolution === undefined) copyNode(built, node);
    else writeConvolution(built, convolution, transforms);
  }
  for (const { name, elementType, shape } of graph.outputs) built.output({ name }, elementType, shape);
  return built.build();
}

function convolutionsOf(graph: OnnxGraph, bounds: WinogradBounds): readonly Convolution[] {
  const shapes = valueShapes(graph);
  const tensors = new Map(graph.tensors.map((tensor) => [tensor.name, tensor]));
  return graph.nodes.flatMap((node) => {
    const [x = '', weightName = '', biasName = ''] = node.inputs;
    const [weight, bias, shape] = [tensors.get(weightName), tensors.get(biasName), shapes.get(x)];
    if (weight === undefined || bias === undefined || shape === undefined || !isPlain(node, weight)) return [];
    const [batch = 0, inputs = 0, height = 0, width = 0] = shape;
    const isWhole = batch === 1 && height % TILE === 0 && width % TILE === 0;
    if (!isWhole || inputs < bounds.inputs || height * width < bounds.pixels) return [];
    return [{ node, weight, bias, inputs, outputs: weight.shape[0] ?? 0, height, width }];
  });
}

/** Returns whether a node is a 3 x 3 convolution with one pixel of padding and without stride, dilation or groups. */
function isPlain(node: GraphNode, weight: GraphTensor): boolean {
  const has = (name: string, absent: readonly number[], wanted: number) =>
    integersOf(node, name, absent).every((value) => value === wanted);
  return (
    node.operator === 'Conv' &&
    weight.shape.slice(2).join() === '3,3' &&
    has('pads', [0, 0, 0, 0], 1) &&
    has('strides', [1, 1], 1) &&
    has('dilations', [1, 1], 1) &&
    has('group', [1], 1) &&
    node.attributes.every(({ name }) => name !== 'auto_pad')
  );
}

function copyNode(built: GraphBuilder, { name, operator, inputs, attributes }: GraphNode): void {
  const values = inputs.map((input) => ({ name: input }));
  built.node(name, operator, values, Object.fromEntries(attributes.map((each) => [each.name, each.value])));
}

interface Transforms {
  readonly pixels: Value;
  readonly products: Value;
}

function transformsOf(built: GraphBuilder): Transforms {
  return {
    pixels: floats(built, 'winograd.pixels', [PRODUCTS, 1, REACH, REACH], pixelTransform),
    products: floats(built, 'winograd.products', [TILE * TILE, PRODUCTS], productTransform),
  };
}

function writeConvolution(
  built: GraphBuilder,
  { node, weight, bias, inputs, outputs, height, width }: Convolution,
  transforms: Transforms,
): void {
  const part = (name: string) => `${node.name}.winograd.${name}`;
  const [down, across] = [height / TILE, width / TILE];
  const image = { name: node.inputs[0] ?? '' };
  const channels = reshape(built, part('channels'), image, [inputs, 1, height, width]);
  const shape = { kernel: [REACH, REACH], stride: [TILE, TILE], padding: [1, 1] } as const;
  const tiles = conv(built, part('tiles'), channels, { weight: transforms.pixels }, shape);
  const values = reshape(built, part('values'), tiles, [inputs, PRODUCTS, down * across]);
  const points = transpose(built, part('points'), values, [1, 0, 2]);
  const factors = floats(built, part('factors'), [PRODUCTS, outputs, inputs], async () =>
    transformWeights(await floatsOf(weight), outputs, inputs),
  );
  const products = matMul(built, part('products'), factors, points);
  const flat = reshape(built, part('flat'), products, [PRODUCTS, outputs * down * across]);
  const sums = matMul(built, part('sums'), transforms.products, flat);
  const apart = reshape(built, part('apart'), sums, [1, TILE * TILE * outputs, down, across]);
  const together = depthToSpace(built, part('together'), apart, TILE);
  const offset = floats(built, part('bias'), [1, outputs, 1, 1], () => floatsOf(bias));
  add(built, node.name, together, offset);
}

async function floatsOf(tensor: GraphTensor): Promise<Float32Array> {
  const values = await tensor.read();
  if (values instanceof Float32Array) return values;
  throw new TypeError(`Expected float32 elements in ${tensor.name}`);
}
