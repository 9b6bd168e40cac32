import {
  type GraphBuilder,
  type GraphNode,
  type GraphTensor,
  type NodeWriter,
  type OnnxGraph,
  rewriteNodes,
  type Value,
} from './graph.ts';
import { add, conv, depthToSpace, floats, matMul, reshape, transpose } from './operators.ts';

/**
 * Winograd's F(4 x 4, 3 x 3): 4 x 4 outputs of a 3 x 3 convolution from 36 products instead of 144.
 *
 * A polynomial of degree 5 is determined by its values at 0, ±A, ±B and its leading coefficient. The usual points 0,
 * ±1, ±2 give entries that differ by a factor of 16, and rounding errors 2.2 times as large as these, which are exact
 * in float32.
 *
 * @see Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, CVPR 2016; on the choice of points Barabasz
 *   et al., Error Analysis and Improving the Accuracy of Winograd Convolution for Deep Neural Networks, 2020.
 */
const A = 5 / 8;
const B = 3 / 2;

/** Side of the square of outputs that are computed together, px. */
const TILE = 4;
/** Side of the square of pixels that they depend on, px. */
const REACH = TILE + 2;
/** Products per tile and pair of channels. */
const PRODUCTS = REACH * REACH;

const [A2, B2] = [A * A, B * B];

/** REACH x REACH: maps six pixels of a line to the values at the six points. */
const OF_PIXELS = [
  [A2 * B2, 0, -(A2 + B2), 0, 1, 0],
  [0, -A * B2, -B2, A, 1, 0],
  [0, A * B2, -B2, -A, 1, 0],
  [0, -B * A2, -A2, B, 1, 0],
  [0, B * A2, -A2, -B, 1, 0],
  [0, A2 * B2, 0, -(A2 + B2), 0, 1],
];

/** REACH x 3: maps three weights of a line to the values at the six points. */
const OF_WEIGHTS = [...[0, A, -A, B, -B].map(valuesOfWeights), [0, 0, 1]];

/** TILE x REACH: maps products at the six points to four outputs. */
const OF_PRODUCTS = Array.from({ length: TILE }, (_, power) => [
  ...[0, A, -A, B, -B].map((point) => point ** power),
  power === TILE - 1 ? 1 : 0,
]);

function valuesOfWeights(point: number): readonly number[] {
  const others = [0, A, -A, B, -B].filter((other) => other !== point);
  const scale = others.reduce((product, other) => product * (point - other), 1);
  return [1 / scale, point / scale, point ** 2 / scale];
}

/** Applies a transform along both axes at once, as a Kronecker product: [rows², columns²]. */
function onBothAxes(lines: readonly (readonly number[])[]): Float32Array {
  const [rows, columns] = [lines.length, lines[0]?.length ?? 0];
  const both = new Float32Array(rows * rows * columns * columns);
  let at = 0;
  for (const down of lines) {
    for (const across of lines) for (const y of down) for (const x of across) both[at++] = y * x;
  }
  return both;
}

/** Returns the transform of a tile's pixels: PRODUCTS filters of REACH x REACH px. */
function pixelTransform(): Float32Array {
  return onBothAxes(OF_PIXELS);
}

/** Returns the transform of a tile's products to its outputs: TILE² x PRODUCTS. */
function productTransform(): Float32Array {
  return onBothAxes(OF_PRODUCTS);
}

/**
 * Transforms the weights of a convolution to the factors of its products.
 *
 * @param weight - outputs x inputs x 3 x 3 float32.
 * @returns PRODUCTS x outputs x inputs float32, computed in float64 and rounded once.
 */
function transformWeights(weight: Float32Array, outputs: number, inputs: number): Float32Array {
  const pairs = outputs * inputs;
  const factors = new Float32Array(PRODUCTS * pairs);
  const ofWeights = Float64Array.from(OF_WEIGHTS.flat());
  const columns = new Float64Array(REACH * 3);
  for (let pair = 0; pair < pairs; pair++) {
    for (let x = 0; x < 3; x++) {
      const [top, centre, bottom] = [weight[9 * pair + x], weight[9 * pair + 3 + x], weight[9 * pair + 6 + x]];
      combine(ofWeights, top ?? 0, centre ?? 0, bottom ?? 0, columns, x, 3);
    }
    for (let i = 0; i < REACH; i++) {
      const [left, centre, right] = [columns[3 * i], columns[3 * i + 1], columns[3 * i + 2]];
      combine(ofWeights, left ?? 0, centre ?? 0, right ?? 0, factors, REACH * i * pairs + pair, pairs);
    }
  }
  return factors;
}

/** Writes the values of three weights at the six points, every `stride` elements. */
function combine(
  ofWeights: Float64Array,
  u: number,
  v: number,
  w: number,
  into: Float64Array | Float32Array,
  from: number,
  stride: number,
): void {
  for (let point = 0; point < REACH; point++) {
    into[from + point * stride] =
      (ofWeights[3 * point] ?? 0) * u + (ofWeights[3 * point + 1] ?? 0) * v + (ofWeights[3 * point + 2] ?? 0) * w;
  }
}

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
  const replaced = new Set([...convolutions.values()].flatMap(({ weight, bias }) => [weight.name, bias.name]));
  for (const { name, inputs } of graph.nodes) {
    if (!convolutions.has(name)) for (const input of inputs) replaced.delete(input);
  }
  let transforms: Transforms | undefined;
  const writers = new Map<string, NodeWriter>();
  for (const [name, convolution] of convolutions) {
    writers.set(name, (built) => {
      transforms ??= transformsOf(built);
      writeConvolution(built, convolution, transforms);
    });
  }
  return rewriteNodes(graph, writers, replaced);
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

type Shape = readonly number[];

/**
 * Infers the shapes of a graph's values from its inputs, through the operators of a U-Net. Values after any other
 * operator have none.
 */
export function valueShapes(graph: OnnxGraph): ReadonlyMap<string, Shape> {
  const shapes = new Map<string, Shape>();
  for (const { name, shape } of [...graph.inputs, ...graph.tensors]) shapes.set(name, shape);
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((name) => shapes.get(name));
    const shape = shapeOf(node, inputs);
    const [output] = node.outputs;
    if (shape !== undefined && output !== undefined) shapes.set(output, shape);
  }
  return shapes;
}

/** Returns the integers of a node's attribute, or ONNX's default `absent` if it has no such attribute. */
function integersOf({ attributes }: GraphNode, name: string, absent: readonly number[]): readonly number[] {
  const value = attributes.find((attribute) => attribute.name === name)?.value;
  if (value === undefined) return absent;
  if (value.kind === 'ints') return value.value;
  return value.kind === 'int' ? [value.value] : absent;
}

function shapeOf(node: GraphNode, [x, ...others]: readonly (Shape | undefined)[]): Shape | undefined {
  if (x === undefined) return undefined;
  if (node.operator === 'LeakyRelu') return x;
  if (node.operator === 'Concat') return joined(x, others, integersOf(node, 'axis', [0])[0] ?? 0);
  const [weight] = others;
  if (weight === undefined || x.length !== 4) return undefined;
  if (node.operator === 'Conv') return emitConv(node, x, weight);
  if (node.operator === 'ConvTranspose') return spread(node, x, weight);
  return undefined;
}

function joined(first: Shape, others: readonly (Shape | undefined)[], axis: number): Shape | undefined {
  let length = first[axis] ?? 0;
  for (const other of others) {
    if (other === undefined) return undefined;
    length += other[axis] ?? 0;
  }
  return first.with(axis, length);
}

function emitConv(node: GraphNode, [n = 0, , ...pixels]: Shape, [outputs = 0, , ...kernel]: Shape): Shape {
  const [strides, dilations] = [integersOf(node, 'strides', [1, 1]), integersOf(node, 'dilations', [1, 1])];
  const pads = integersOf(node, 'pads', [0, 0, 0, 0]);
  const lengths = pixels.map((length, axis) => {
    const reach = (dilations[axis] ?? 1) * ((kernel[axis] ?? 1) - 1) + 1;
    const padded = length + (pads[axis] ?? 0) + (pads[axis + 2] ?? 0);
    return Math.floor((padded - reach) / (strides[axis] ?? 1)) + 1;
  });
  return [n, outputs, ...lengths];
}

/** Infers the shape after a transposed convolution without padding, as in U-Nets. */
function spread(node: GraphNode, [n = 0, , ...pixels]: Shape, [, outputs = 0, ...kernel]: Shape): Shape | undefined {
  if (integersOf(node, 'pads', [0, 0, 0, 0]).some((pad) => pad !== 0)) return undefined;
  const strides = integersOf(node, 'strides', [1, 1]);
  const lengths = pixels.map((length, axis) => (length - 1) * (strides[axis] ?? 1) + (kernel[axis] ?? 1));
  return [n, outputs, ...lengths];
}
