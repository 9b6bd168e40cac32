import type { Value } from '../../../onnx/graph/graph.ts';
import { add, type ConvolutionShape, conv, floats, resizeNearest } from '../../../onnx/graph/operators.ts';
import type { Feature, Layers } from '../layers.ts';

/** A convolution in the graph. Its weights are read when the model is written. */
export interface ConvolutionNode {
  readonly place: string;
  readonly outputs: number;
  readonly shape: ConvolutionShape & { readonly groups: number };
  /** [outputs, inputs / groups, kernel height, kernel width] */
  readonly weight: () => Promise<Float32Array>;
  /** [outputs] */
  readonly bias: (() => Promise<Float32Array>) | undefined;
}

/** One of the concatenated inputs of a convolution. */
interface Summand {
  readonly map: Feature;
  /** Index of its first channel in the concatenation. */
  readonly from: number;
}

/**
 * Convolves a feature map. A 1 x 1 convolution sums over channels, so it is applied to each part of a concatenated map
 * separately, and the results are added. An enlarged part is convolved before it is enlarged, which gives the same numbers
 * with a quarter of the work.
 */
export function emitConv({ graph }: Layers, x: Feature, node: ConvolutionNode): Value {
  const { place, outputs, shape, weight, bias } = node;
  const withBias = (part: Value) => ({
    weight: part,
    ...(bias && { bias: floats(graph, `${place}.bias`, [outputs], bias) }),
  });
  if (!isPointwise(shape)) {
    const size = [outputs, x.channels / shape.groups, ...shape.kernel];
    return conv(graph, place, x.value, withBias(floats(graph, `${place}.weight`, size, weight)), shape);
  }
  const term = ({ map, from }: Summand, name: string, isFirst: boolean) => {
    const read = async () => columns(await weight(), outputs, from, map.channels);
    const part = floats(graph, `${name}.weight`, [outputs, map.channels, 1, 1], read);
    const weights = isFirst ? withBias(part) : { weight: part };
    if (map.halved === undefined) return conv(graph, name, map.value, weights, shape);
    const small = conv(graph, `${name}.small`, map.halved.value, weights, shape);
    return resizeNearest(graph, name, small, [2, 2]);
  };
  const [first, ...others] = summandsOf(x);
  return others.reduce(
    (sum, summand, index) =>
      add(graph, `${place}.sum.${index + 1}`, sum, term(summand, `${place}.${index + 1}`, false)),
    term(first, place, true),
  );
}

function isPointwise({ kernel, stride = [1, 1], padding = [0, 0], groups }: ConvolutionNode['shape']): boolean {
  return groups === 1 && [...kernel, ...stride].every((n) => n === 1) && padding.every((n) => n === 0);
}

/** Lists the inputs of a convolution, enlarged maps first: ONNX Runtime fuses an addition into the last convolution. */
function summandsOf(x: Feature): readonly [Summand, ...Summand[]] {
  let from = 0;
  const all = (x.parts ?? [x]).map((map) => {
    const summand = { map, from };
    from += map.channels;
    return summand;
  });
  const isEnlarged = ({ map }: Summand) => Number(map.halved !== undefined);
  const [first = { map: x, from: 0 }, ...others] = all.sort((a, b) => isEnlarged(b) - isEnlarged(a));
  return [first, ...others];
}

/** Copies columns `from` to `from + count` (exclusive) of a matrix with `rows` rows. */
function columns(matrix: Float32Array, rows: number, from: number, count: number): Float32Array {
  const width = matrix.length / rows;
  if (count === width) return matrix;
  const part = new Float32Array(rows * count);
  for (let row = 0; row < rows; row++) {
    part.set(matrix.subarray(row * width + from, row * width + from + count), row * count);
  }
  return part;
}
