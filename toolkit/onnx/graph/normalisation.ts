import {
  type GraphBuilder,
  type GraphNode,
  ints,
  type NodeWriter,
  type OnnxGraph,
  rewriteNodes,
  type Value,
} from './graph.ts';
import { batchNormalization, floats, multiply, reshape } from './operators.ts';

/** Axes of NCHW. */
const [ROWS, COLUMNS] = [2, 3];
/** ONNX's default of `epsilon`. */
const EPSILON = 1e-5;

/**
 * Rewrites instance normalisation so that means are computed row by row, and then over the rows.
 *
 * ONNX Runtime's operator adds up all pixels of a channel in float32, one after the other. Where much of an image is
 * constant, as in padding, every addition is rounded in the same direction: with 512 x 512 px, the result of a deep
 * network differs from float64 a hundred times as much as PyTorch's, which adds in float64 (docs/architecture/numerics.md).
 * The sums of rows are shorter, so that their rounding errors are as small as those of the convolutions.
 *
 * @param graph - For one image: the mean and the variance of a batch normalisation, which scales and shifts the pixels
 *   in one pass, have no axis for images.
 * @returns The graph itself if it has no instance normalisation.
 */
export function withNormsByRows(graph: OnnxGraph): OnnxGraph {
  const channels = new Map(graph.tensors.map(({ name, shape }) => [name, shape[0] ?? 0]));
  const isForOneImage = graph.inputs.every(({ shape }) => shape[0] === 1);
  const writers = new Map<string, NodeWriter>();
  for (const node of graph.nodes) {
    const count = channels.get(node.inputs[1] ?? '');
    if (!isForOneImage || node.operator !== 'InstanceNormalization' || count === undefined) continue;
    writers.set(node.name, (built) => writeNorm(built, node, count));
  }
  return rewriteNodes(graph, writers);
}

function writeNorm(built: GraphBuilder, { name, inputs, attributes }: GraphNode, channels: number): void {
  const [x = '', scale = '', bias = ''] = inputs;
  const centred = built.node(`${name}.centred`, 'Sub', [{ name: x }, meanByRows(built, `${name}.mean`, { name: x })]);
  const squares = multiply(built, `${name}.squares`, centred, centred);
  const variance = reshape(built, `${name}.variances`, meanByRows(built, `${name}.variance`, squares), [channels]);
  const mean = floats(built, `${name}.zeros`, [channels], () => new Float32Array(channels));
  const epsilon = attributes.find((attribute) => attribute.name === 'epsilon')?.value;
  const parts = { scale: { name: scale }, bias: { name: bias }, mean, variance };
  batchNormalization(built, name, centred, parts, epsilon?.kind === 'float' ? epsilon.value : EPSILON);
}

/** Mean over the pixels of each channel: [images, channels, 1, 1]. */
function meanByRows(built: GraphBuilder, name: string, x: Value): Value {
  const rows = built.node(`${name}.rows`, 'ReduceMean', [x], { axes: ints([COLUMNS]) });
  return built.node(name, 'ReduceMean', [rows], { axes: ints([ROWS]) });
}

/** Batch normalisation as it is applied in inference; all tensors [channels], float32. */
export interface BatchNorm {
  readonly gamma: Float32Array;
  readonly beta: Float32Array;
  readonly mean: Float32Array;
  readonly variance: Float32Array;
  /** Added to the variance before the root; PyTorch's default is 1e-5. */
  readonly epsilon: number;
}

/**
 * Returns convolution weights multiplied by the scale of the following batch normalisation.
 *
 * Computed in float64 and rounded once: folding in float32 would add another error to every weight.
 *
 * @param weight - [outputs, ...], float32, C order.
 * @param from - First channel of the normalisation that belongs to this convolution.
 * @returns A new array of the same shape.
 */
export function foldedWeight(
  weight: Float32Array,
  outputs: number,
  norm: Pick<BatchNorm, 'gamma' | 'variance' | 'epsilon'>,
  from = 0,
): Float32Array {
  const perOutput = weight.length / outputs;
  const folded = new Float32Array(weight.length);
  for (let out = 0; out < outputs; out++) {
    const scale = scaleOf(norm, from + out);
    const end = (out + 1) * perOutput;
    for (let i = out * perOutput; i < end; i++) folded[i] = at(weight, i) * scale;
  }
  return folded;
}

/**
 * Returns the convolution bias with the following batch normalisation applied, in float64 rounded once.
 *
 * @param bias - [outputs], float32; zeros if the convolution has none.
 * @param from - See `foldedWeight`.
 */
export function foldedBias(bias: Float32Array, norm: BatchNorm, from = 0): Float32Array {
  return bias.map((value, out) => {
    const channel = from + out;
    return (value - at(norm.mean, channel)) * scaleOf(norm, channel) + at(norm.beta, channel);
  });
}

function scaleOf(
  { gamma, variance, epsilon }: Pick<BatchNorm, 'gamma' | 'variance' | 'epsilon'>,
  channel: number,
): number {
  return at(gamma, channel) / Math.sqrt(at(variance, channel) + epsilon);
}

function at(values: Float32Array, index: number): number {
  return values[index] ?? Number.NaN;
}
