import type { Value } from '../../../onnx/graph/graph.ts';
import { type BatchNorm, foldedBias, foldedWeight } from '../../../onnx/graph/normalisation.ts';
import {
  add,
  type ConvolutionShape,
  clip,
  conv,
  elu,
  floats,
  gelu,
  hardSwish,
  leakyRelu,
  mish,
  type Pair,
  relu,
  resizeNearest,
  sigmoid,
  silu,
} from '../../../onnx/graph/operators.ts';
import {
  checkedFeature,
  childOf,
  type Feature,
  integerAttribute,
  type Layers,
  nonNegativeAttribute,
  onlyInput,
  pairAttribute,
  requireAttribute,
  sameShape,
  unsupportedModule,
} from '../layers.ts';
import type { ModuleNode, NetworkTensor } from '../module-tree.ts';

/**
 * Applies an activation module. Releases from 4.0 on use SiLU, 3.x Hardswish, and the CSP blocks up to 5.0
 * LeakyReLU(0.1). `utils.activations` contains versions for PyTorch releases that lacked them.
 */
export function activation(layers: Layers, module: ModuleNode, x: Feature): Feature {
  const { graph } = layers;
  const { place, className } = module;
  switch (className) {
    case 'torch.nn.modules.linear.Identity':
      return x;
    case 'torch.nn.modules.activation.SiLU':
    case 'utils.activations.SiLU':
      return sameShape(x, silu(graph, place, x.value));
    case 'torch.nn.modules.activation.Hardswish':
    case 'utils.activations.Hardswish':
      return sameShape(x, hardSwish(graph, place, x.value));
    case 'torch.nn.modules.activation.LeakyReLU':
      return sameShape(x, leakyRelu(graph, place, x.value, nonNegativeAttribute(module, 'negative_slope')));
    case 'torch.nn.modules.activation.ReLU':
      return sameShape(x, relu(graph, place, x.value));
    case 'torch.nn.modules.activation.ReLU6':
      return sameShape(x, clip(graph, place, x.value, 0, 6));
    case 'torch.nn.modules.activation.Mish':
      return sameShape(x, mish(graph, place, x.value));
    case 'torch.nn.modules.activation.ELU':
      return sameShape(x, elu(graph, place, x.value, nonNegativeAttribute(module, 'alpha')));
    case 'torch.nn.modules.activation.GELU':
      requireAttribute(module, 'approximate', 'none');
      return sameShape(x, gelu(graph, place, x.value));
    case 'torch.nn.modules.activation.Sigmoid':
      return sameShape(x, sigmoid(graph, place, x.value));
    default:
      throw unsupportedModule(layers, module, 'is not a supported activation');
  }
}

const CONV2D = 'torch.nn.modules.conv.Conv2d';
/** Of training on one device, or on several that share their statistics; the same in inference. */
const BATCH_NORMS = ['torch.nn.modules.batchnorm.BatchNorm2d', 'torch.nn.modules.batchnorm.SyncBatchNorm'];

/** The batch normalisation after a convolution, which may be a part of a larger one. */
export interface Normalisation {
  /** Channels of the whole normalisation. */
  readonly channels: number;
  /** First channel that belongs to this convolution. */
  readonly from: number;
  readonly read: () => Promise<BatchNorm>;
}

/** Rewrites a convolution to an equivalent one over a rearranged input (see Focus). */
export interface WeightRewrite {
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly padding: Pair;
  /** Channels of the actual input. */
  readonly inputs: number;
  readonly weight: (weight: Float32Array) => Float32Array;
}

export interface Conv2dShape {
  readonly inputs: number;
  readonly outputs: number;
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly padding: Pair;
  readonly dilation: Pair;
  readonly groups: number;
}

/** `models.common.Conv`: convolution, batch normalisation (absent in fused networks), activation. */
export function convModule(layers: Layers, module: ModuleNode, inputs: readonly Feature[]): Feature {
  return convBlock(layers, module, onlyInput(layers, module, inputs));
}

/** `torch.nn.Conv2d` as a separate layer. */
export function conv2dModule(layers: Layers, module: ModuleNode, inputs: readonly Feature[]): Feature {
  return conv2d(layers, module, onlyInput(layers, module, inputs));
}

/** Builds convolution, normalisation and activation. @param rearrange - Rewrites the convolution for another input. */
export function convBlock(
  layers: Layers,
  module: ModuleNode,
  x: Feature,
  rearrange?: (shape: Conv2dShape) => WeightRewrite,
): Feature {
  const convolution = childOf(layers, module, 'conv');
  const bn = module.children.get('bn');
  const normalisation = bn === undefined ? undefined : { ...batchNorm(layers, bn), from: 0 };
  const y = conv2d(layers, convolution, x, {
    ...(normalisation && { normalisation }),
    ...(rearrange && { rearrange }),
  });
  if (normalisation !== undefined && normalisation.channels !== y.channels) {
    throw unsupportedModule(layers, module, `normalises ${normalisation.channels} of ${y.channels} channels`);
  }
  return activation(layers, childOf(layers, module, 'act'), y);
}

/** Reads a `BatchNorm2d` or `SyncBatchNorm` with weights and running statistics. */
export function batchNorm(layers: Layers, module: ModuleNode): Omit<Normalisation, 'from'> {
  if (!BATCH_NORMS.includes(module.className))
    throw unsupportedModule(layers, module, 'is not a known batch normalisation');
  const { usage } = layers;
  const gamma = usage.use(module, 'weight', [-1]);
  const channels = gamma.shape[0] ?? 0;
  const beta = usage.use(module, 'bias', [channels]);
  const mean = usage.use(module, 'running_mean', [channels]);
  const variance = usage.use(module, 'running_var', [channels]);
  usage.setAside(module, 'num_batches_tracked');
  const epsilon = nonNegativeAttribute(module, 'eps');
  return {
    channels,
    read: async () => ({
      gamma: await gamma.read(),
      beta: await beta.read(),
      mean: await mean.read(),
      variance: await variance.read(),
      epsilon,
    }),
  };
}

export interface Conv2dOptions {
  readonly normalisation?: Normalisation;
  readonly rearrange?: (shape: Conv2dShape) => WeightRewrite;
}

/** `torch.nn.Conv2d` with zero padding, and the normalisation after it folded in. */
export function conv2d(
  layers: Layers,
  module: ModuleNode,
  x: Feature,
  { normalisation, rearrange }: Conv2dOptions = {},
): Feature {
  const { usage } = layers;
  const shape = conv2dShape(layers, module);
  const { outputs, groups, dilation } = shape;
  const rearranged = rearrange?.(shape);
  const { kernel, stride, padding, inputs } = rearranged ?? shape;
  if (x.channels !== inputs)
    throw unsupportedModule(layers, module, `takes ${inputs} channels and is given ${x.channels}`);

  const { place } = module;
  const weight = usage.use(module, 'weight', [outputs, shape.inputs / groups, ...shape.kernel]);
  const bias = usage.has(module, 'bias') ? usage.use(module, 'bias', [outputs]) : undefined;
  const value = emitConv(layers, x, {
    place,
    outputs,
    shape: { kernel, stride, padding, dilation, groups },
    weight: async () => {
      const values = await weight.read();
      const { from = 0 } = normalisation ?? {};
      const folded =
        normalisation === undefined ? values : foldedWeight(values, outputs, await normalisation.read(), from);
      return rearranged?.weight(folded) ?? folded;
    },
    bias: biasOf(bias, outputs, normalisation),
  });
  return checkedFeature(layers, module, {
    value,
    channels: outputs,
    height: convOutputLength(x.height, kernel[0], stride[0], padding[0], dilation[0]),
    width: convOutputLength(x.width, kernel[1], stride[1], padding[1], dilation[1]),
  });
}

/** Returns the bias with the normalisation folded in; undefined if there is neither. */
function biasOf(
  bias: NetworkTensor | undefined,
  outputs: number,
  normalisation: Normalisation | undefined,
): (() => Promise<Float32Array>) | undefined {
  if (normalisation === undefined) return bias?.read;
  return async () => {
    const values = (await bias?.read()) ?? new Float32Array(outputs);
    return foldedBias(values, await normalisation.read(), normalisation.from);
  };
}

function conv2dShape(layers: Layers, module: ModuleNode): Conv2dShape {
  if (module.className !== CONV2D) throw unsupportedModule(layers, module, 'is not a known convolution');
  requireAttribute(module, 'padding_mode', 'zeros');
  requireAttribute(module, 'transposed', false);
  const groups = integerAttribute(module, 'groups', 1);
  const inputs = integerAttribute(module, 'in_channels', 1);
  const outputs = integerAttribute(module, 'out_channels', 1);
  if (inputs % groups !== 0 || outputs % groups !== 0) {
    throw unsupportedModule(layers, module, `splits ${inputs} and ${outputs} channels into ${groups} groups`);
  }
  return {
    inputs,
    outputs,
    groups,
    kernel: pairAttribute(module, 'kernel_size', 1),
    stride: pairAttribute(module, 'stride', 1),
    padding: pairAttribute(module, 'padding', 0),
    dilation: pairAttribute(module, 'dilation', 1),
  };
}

/** Computes the length of a convolution's output along one axis. */
export function convOutputLength(
  length: number,
  kernel: number,
  stride: number,
  padding: number,
  dilation: number,
): number {
  return Math.floor((length + 2 * padding - dilation * (kernel - 1) - 1) / stride) + 1;
}

/** A convolution in the graph. Its weights are read when the model is written. */
interface ConvolutionNode {
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
function emitConv({ graph }: Layers, x: Feature, node: ConvolutionNode): Value {
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
