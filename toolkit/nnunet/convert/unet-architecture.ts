import type { NnunetPlans, Pair } from './plans.ts';

/** Convolution, batch normalisation, LeakyReLU; `name` is the prefix of its parameters in the state dict. */
export interface ConvBlock {
  readonly name: string;
  readonly inputs: number;
  readonly outputs: number;
  readonly kernel: Pair;
  readonly stride: Pair;
}

/** Transposed convolution whose kernel is its stride, so that its windows do not overlap. */
export interface Upsampling {
  readonly name: string;
  readonly inputs: number;
  readonly outputs: number;
  readonly stride: Pair;
}

/** 1×1 convolution without bias onto the classes. */
export interface SegmentationHead {
  readonly name: string;
  readonly inputs: number;
  readonly classes: number;
}

export interface DecoderStage {
  readonly upsampling: Upsampling;
  readonly blocks: readonly ConvBlock[];
  readonly head: SegmentationHead;
}

/** The 2D U-Net of nnU-Net v1, every layer with the name it has in the state dict. */
export interface UnetArchitecture {
  readonly inputChannels: number;
  readonly classes: number;
  readonly patch: Pair;
  /** Channels at each resolution, full resolution first. */
  readonly features: readonly number[];
  /** Full resolution first; each but the last is a skip connection, the last is the bottleneck. */
  readonly encoder: readonly (readonly ConvBlock[])[];
  /** Deepest first. */
  readonly decoder: readonly DecoderStage[];
}

/** `Generic_UNet.MAX_FILTERS_2D`: a constant of the class, not of the plans. */
const MAX_FEATURES = 480;
const NO_STRIDE: Pair = [1, 1];

/**
 * Builds the layers of `Generic_UNet` with strided convolutions for downsampling and transposed ones for upsampling.
 *
 * Two surprising rules of the original: the decoder takes its kernels from the end of the list, so that its deepest
 * stage has the *bottleneck's* kernel; and a stack of zero convolutions still has one.
 *
 * @see `Generic_UNet.__init__`, nnU-Net v1 (nnunet 1.7.1, network_architecture/generic_UNet.py)
 */
export function unetArchitecture(plans: NnunetPlans): UnetArchitecture {
  const depth = plans.pools.length;
  const features = featuresPerStage(plans);
  return {
    inputChannels: plans.modalities,
    classes: plans.classes,
    patch: plans.patch,
    features,
    encoder: Array.from({ length: depth + 1 }, (_, d) => encoderStage(plans, features, d)),
    decoder: Array.from({ length: depth }, (_, u) => decoderStage(plans, features, u)),
  };
}

function featuresPerStage({ baseFeatures, pools }: NnunetPlans): readonly number[] {
  const features = [baseFeatures];
  for (const _ of pools) features.push(Math.min(2 * at(features, -1), MAX_FEATURES));
  return features;
}

function encoderStage(plans: NnunetPlans, features: readonly number[], d: number): readonly ConvBlock[] {
  const depth = plans.pools.length;
  const stack: Stack = {
    name: `conv_blocks_context.${d}`,
    inputs: d === 0 ? plans.modalities : at(features, d - 1),
    outputs: at(features, d),
    kernel: at(plans.kernels, d),
    stride: d === 0 ? NO_STRIDE : at(plans.pools, d - 1),
  };
  return d < depth ? stackedBlocks(stack, plans.convPerStage) : splitStack(stack, plans.convPerStage);
}

function decoderStage(plans: NnunetPlans, features: readonly number[], u: number): DecoderStage {
  const skip = at(features, -(u + 2));
  const stride = at(plans.pools, -(u + 1));
  const stack: Stack = {
    name: `conv_blocks_localization.${u}`,
    inputs: 2 * skip,
    outputs: skip,
    kernel: at(plans.kernels, -(u + 1)),
    stride: NO_STRIDE,
  };
  return {
    upsampling: { name: `tu.${u}`, inputs: at(features, -(u + 1)), outputs: skip, stride },
    blocks: splitStack(stack, plans.convPerStage),
    head: { name: `seg_outputs.${u}`, inputs: skip, classes: plans.classes },
  };
}

interface Stack {
  readonly name: string;
  readonly inputs: number;
  readonly outputs: number;
  readonly kernel: Pair;
  readonly stride: Pair;
}

/** Bottleneck and decoder stages are two stacks in a row, the second of a single convolution. */
function splitStack(stack: Stack, convPerStage: number): readonly ConvBlock[] {
  const { name, outputs } = stack;
  return [
    ...stackedBlocks({ ...stack, name: `${name}.0` }, convPerStage - 1),
    ...stackedBlocks({ ...stack, name: `${name}.1`, inputs: outputs, stride: NO_STRIDE }, 1),
  ];
}

function stackedBlocks({ name, inputs, outputs, kernel, stride }: Stack, count: number): readonly ConvBlock[] {
  return Array.from({ length: Math.max(1, count) }, (_, k) => ({
    name: `${name}.blocks.${k}`,
    inputs: k === 0 ? inputs : outputs,
    outputs,
    kernel,
    stride: k === 0 ? stride : NO_STRIDE,
  }));
}

/** Returns an element. As in Python, a negative index counts from the end. */
function at<T>(list: readonly T[], index: number): T {
  const value = list.at(index);
  if (value === undefined) throw new RangeError(`No element ${index} in a list of ${list.length}`);
  return value;
}
