import { float, type GraphBuilder, int, ints, text, type Value } from './graph.ts';

/** Height and width. */
export type Pair = readonly [number, number];

export interface ConvolutionWeights {
  /** Conv: [out, in, kh, kw]. ConvTranspose: [in, out, kh, kw]. float32. */
  readonly weight: Value;
  /** [out], float32. */
  readonly bias?: Value;
}

export interface ConvolutionShape {
  readonly kernel: Pair;
  /** Default [1, 1]. */
  readonly stride?: Pair;
  /** Zeros added on both sides of each axis. Default [0, 0]. */
  readonly padding?: Pair;
  /** Distance between neighbouring taps of the kernel. Default [1, 1]. */
  readonly dilation?: Pair;
  /** Number of groups of a grouped convolution. Default 1. */
  readonly groups?: number;
}

/** 2D convolution over NCHW. */
export function conv(
  graph: GraphBuilder,
  name: string,
  x: Value,
  weights: ConvolutionWeights,
  shape: ConvolutionShape,
): Value {
  return convolution(graph, name, 'Conv', x, weights, shape);
}

/** 2D transposed convolution over NCHW, no output padding. */
export function convTranspose(
  graph: GraphBuilder,
  name: string,
  x: Value,
  weights: ConvolutionWeights,
  shape: ConvolutionShape,
): Value {
  return convolution(graph, name, 'ConvTranspose', x, weights, shape);
}

function convolution(
  graph: GraphBuilder,
  name: string,
  operator: 'Conv' | 'ConvTranspose',
  x: Value,
  { weight, bias }: ConvolutionWeights,
  { kernel, stride = [1, 1], padding = [0, 0], dilation, groups }: ConvolutionShape,
): Value {
  return graph.node(name, operator, bias === undefined ? [x, weight] : [x, weight, bias], {
    kernel_shape: ints(kernel),
    strides: ints(stride),
    pads: ints([...padding, ...padding]),
    ...(dilation && { dilations: ints(dilation) }),
    ...(groups !== undefined && { group: int(groups) }),
  });
}

/** x where x >= 0, slope · x elsewhere. */
export function leakyRelu(graph: GraphBuilder, name: string, x: Value, slope: number): Value {
  return graph.node(name, 'LeakyRelu', [x], { alpha: float(slope) });
}

/** x where x >= 0, alpha · (exp(x) - 1) elsewhere. */
export function elu(graph: GraphBuilder, name: string, x: Value, alpha: number): Value {
  return graph.node(name, 'Elu', [x], { alpha: float(alpha) });
}

/** x · (1 + erf(x / √2)) / 2; ONNX has it as an operator only from opset 20. */
export function gelu(graph: GraphBuilder, name: string, x: Value): Value {
  const constant = (key: string, value: number) => floats(graph, `${name}.${key}`, [], () => Float32Array.of(value));
  const scaled = multiply(graph, `${name}.scaled`, x, constant('root', Math.SQRT1_2));
  const erf = graph.node(`${name}.erf`, 'Erf', [scaled]);
  const gate = add(graph, `${name}.gate`, erf, constant('one', 1));
  return multiply(graph, name, multiply(graph, `${name}.gated`, x, gate), constant('half', 0.5));
}

/** x · tanh(log(1 + exp(x))); ONNX has it as an operator only from opset 18. */
export function mish(graph: GraphBuilder, name: string, x: Value): Value {
  const softplus = graph.node(`${name}.softplus`, 'Softplus', [x]);
  return multiply(graph, name, x, graph.node(`${name}.tanh`, 'Tanh', [softplus]));
}

/** Normalises each channel of NCHW to mean 0 and variance 1 over its pixels, then scales and shifts it. */
export function instanceNormalization(
  graph: GraphBuilder,
  name: string,
  x: Value,
  { scale, bias }: { readonly scale: Value; readonly bias: Value },
  epsilon: number,
): Value {
  return graph.node(name, 'InstanceNormalization', [x, scale, bias], { epsilon: float(epsilon) });
}

/** Normalises each channel of NCHW by the mean and variance of the training. */
export function batchNormalization(
  graph: GraphBuilder,
  name: string,
  x: Value,
  parts: { readonly scale: Value; readonly bias: Value; readonly mean: Value; readonly variance: Value },
  epsilon: number,
): Value {
  const { scale, bias, mean, variance } = parts;
  return graph.node(name, 'BatchNormalization', [x, scale, bias, mean, variance], { epsilon: float(epsilon) });
}

/** Average pooling over NCHW, without overlap. */
export function averagePool(graph: GraphBuilder, name: string, x: Value, stride: Pair): Value {
  return graph.node(name, 'AveragePool', [x], { kernel_shape: ints(stride), strides: ints(stride) });
}

/** Joins values along one axis, in the order given. */
export function concat(graph: GraphBuilder, name: string, values: readonly Value[], axis: number): Value {
  return graph.node(name, 'Concat', values, { axis: int(axis) });
}

/** Reorders axes: axis k of the result is axis `order[k]` of `x`. */
export function transpose(graph: GraphBuilder, name: string, x: Value, order: readonly number[]): Value {
  return graph.node(name, 'Transpose', [x], { perm: ints(order) });
}

/** Softmax over one axis (as defined since opset 13, without flattening). */
export function softmax(graph: GraphBuilder, name: string, x: Value, axis: number): Value {
  return graph.node(name, 'Softmax', [x], { axis: int(axis) });
}

/** max(x, 0). */
export function relu(graph: GraphBuilder, name: string, x: Value): Value {
  return graph.node(name, 'Relu', [x]);
}

/** min(max(x, low), high). */
export function clip(graph: GraphBuilder, name: string, x: Value, low: number, high: number): Value {
  const bound = (key: string, value: number) => floats(graph, `${name}.${key}`, [], () => Float32Array.of(value));
  return graph.node(name, 'Clip', [x, bound('low', low), bound('high', high)]);
}

/** 1 / (1 + exp(-x)). */
export function sigmoid(graph: GraphBuilder, name: string, x: Value): Value {
  return graph.node(name, 'Sigmoid', [x]);
}

/** x · sigmoid(x), also called swish. */
export function silu(graph: GraphBuilder, name: string, x: Value): Value {
  return multiply(graph, name, x, sigmoid(graph, `${name}.sigmoid`, x));
}

/** x · min(max(x + 3, 0), 6) / 6; ONNX has it as an operator only from opset 14. */
export function hardSwish(graph: GraphBuilder, name: string, x: Value): Value {
  const gate = graph.node(`${name}.gate`, 'HardSigmoid', [x], { alpha: float(1 / 6), beta: float(0.5) });
  return multiply(graph, name, x, gate);
}

/** Sum of two values, broadcast as NumPy does. */
export function add(graph: GraphBuilder, name: string, x: Value, y: Value): Value {
  return graph.node(name, 'Add', [x, y]);
}

/** Product of two values, broadcast as NumPy does. */
export function multiply(graph: GraphBuilder, name: string, x: Value, y: Value): Value {
  return graph.node(name, 'Mul', [x, y]);
}

/** Matrix product over the last two axes. */
export function matMul(graph: GraphBuilder, name: string, x: Value, y: Value): Value {
  return graph.node(name, 'MatMul', [x, y]);
}

/** Moves channels to squares of `side` px: channel (row · side + column) · c + k of NCHW becomes channel k at that pixel. */
export function depthToSpace(graph: GraphBuilder, name: string, x: Value, side: number): Value {
  return graph.node(name, 'DepthToSpace', [x], { blocksize: int(side), mode: text('DCR') });
}

/** Max pooling over NCHW. Padding is never the maximum. */
export function maxPool(
  graph: GraphBuilder,
  name: string,
  x: Value,
  { kernel, stride = [1, 1], padding = [0, 0], dilation = [1, 1] }: ConvolutionShape,
): Value {
  return graph.node(name, 'MaxPool', [x], {
    kernel_shape: ints(kernel),
    strides: ints(stride),
    pads: ints([...padding, ...padding]),
    dilations: ints(dilation),
  });
}

/** Repeats every pixel of NCHW `factors` times along height and width. */
export function resizeNearest(graph: GraphBuilder, name: string, x: Value, [height, width]: Pair): Value {
  const scales = floats(graph, `${name}.scales`, [4], () => Float32Array.of(1, 1, height, width));
  const noRegion: Value = { name: '' };
  return graph.node(name, 'Resize', [x, noRegion, scales], {
    mode: text('nearest'),
    coordinate_transformation_mode: text('asymmetric'),
    nearest_mode: text('floor'),
  });
}

/** Changes the shape, not the elements. */
export function reshape(graph: GraphBuilder, name: string, x: Value, shape: readonly number[]): Value {
  return graph.node(name, 'Reshape', [x, integers(graph, `${name}.shape`, shape)]);
}

/** Elements `from` to `to` (exclusive) along one axis. */
export function slice(graph: GraphBuilder, name: string, x: Value, axis: number, from: number, to: number): Value {
  return graph.node(name, 'Slice', [
    x,
    integers(graph, `${name}.from`, [from]),
    integers(graph, `${name}.to`, [to]),
    integers(graph, `${name}.axis`, [axis]),
  ]);
}

/** A constant of float32 elements in C order. */
export function floats(
  graph: GraphBuilder,
  name: string,
  shape: readonly number[],
  read: () => Float32Array | Promise<Float32Array>,
): Value {
  return graph.tensor({ name, elementType: 'float32', shape, read: async () => read() });
}

/** A constant of int64 elements with one axis. */
export function integers(graph: GraphBuilder, name: string, values: readonly number[]): Value {
  return graph.tensor({
    name,
    elementType: 'int64',
    shape: [values.length],
    read: async () => BigInt64Array.from(values.map(BigInt)),
  });
}
