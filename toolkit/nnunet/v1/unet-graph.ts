import type { OnnxGraph } from '../../onnx/graph/graph.ts';
import { GraphBuilder, type Value } from '../../onnx/graph/graph.ts';
import { foldedBias, foldedWeight } from '../../onnx/graph/normalisation.ts';
import {
  concat,
  conv,
  convTranspose,
  instanceNormalization,
  leakyRelu,
  softmax,
  transpose,
} from '../../onnx/graph/operators.ts';
import type { StateDictTracker, StateTensor } from '../convert/state-dict.ts';
import { finiteTensor } from '../convert/state-dict.ts';
import type { NnunetPlans, Pair } from './plans.ts';

/** Name of the graph's input: float32 [1, 3, height, width], RGB in [0, 1]. */
export const INPUT_NAME = 'image';
/** Name of the graph's output: float32 [1, height, width, classes], in [0, 1], sums to 1 over the classes. */
export const OUTPUT_NAME = 'softmax';

const LEAKY_SLOPE = 0.01;
/** What nnU-Net v1 adds to the variance in batch and instance normalisation. */
const NORM_EPSILON = 1e-5;
const CHANNEL_AXIS = 1;

/**
 * Builds the inference graph of one fold, with instance or batch normalisation, whichever its parameters are of. Batch
 * normalisation is folded into the convolutions, only the full-resolution head is kept, and softmax is over the last axis. (On a CPU, softmax over axis 1 takes 7 to 10 % of the time of a
 * tile, but less than 1 % after the transposition. Blending needs the classes innermost anyway.)
 *
 * Tensors that inference does not need are set aside. The caller closes the tracker.
 *
 * @throws ReigniteError PARAMETER_MISSING for a tensor that is missing or has another shape; CHECKPOINT_CORRUPT, when
 *   the weights are read, for values that are not finite.
 */
export function unetGraph(architecture: UnetArchitecture, tracker: StateDictTracker): OnnxGraph {
  const hasStatistics = architecture.isBatchNormalised || tracker.hasAny(STATISTICS);
  return new UnetGraph(tracker, hasStatistics).build(architecture);
}

/** Names of running means and variances, which instance normalisation does not have. */
export const STATISTICS = /\.instnorm\.running_(?:mean|var)$/;

class UnetGraph {
  readonly #graph = new GraphBuilder('nnunet-v1-2d');
  readonly #tracker: StateDictTracker;
  /** Whether layers have the mean and variance of the training: batch normalisation, otherwise instance normalisation. */
  readonly #hasStatistics: boolean;

  constructor(tracker: StateDictTracker, hasStatistics: boolean) {
    this.#tracker = tracker;
    this.#hasStatistics = hasStatistics;
  }

  build({ inputChannels, classes, patch, encoder, decoder }: UnetArchitecture): OnnxGraph {
    const [height, width] = patch;
    let x = this.#graph.input(INPUT_NAME, 'float32', [1, inputChannels, height, width]);
    const resolutions: Value[] = [];
    for (const blocks of encoder) {
      x = this.#blocks(x, blocks);
      resolutions.push(x);
    }
    const skips = resolutions.slice(0, -1).reverse();
    for (const [u, stage] of decoder.entries()) {
      const skip = skips[u];
      if (skip === undefined) throw new RangeError(`The encoder has no resolution for decoder stage ${u}`);
      const upsampled = this.#upsampling(x, stage.upsampling);
      x = concat(this.#graph, `${stage.upsampling.name}.concat`, [upsampled, skip], CHANNEL_AXIS);
      x = this.#blocks(x, stage.blocks);
      if (u < decoder.length - 1) this.#tracker.setAside(...headParameter(stage.head));
      else x = this.#head(x, stage.head);
    }
    const channelsLast = transpose(this.#graph, 'channels_last', x, [0, 2, 3, 1]);
    const probabilities = softmax(this.#graph, OUTPUT_NAME, channelsLast, 3);
    this.#graph.output(probabilities, 'float32', [1, height, width, classes]);
    return this.#graph.build();
  }

  #blocks(x: Value, blocks: readonly ConvBlock[]): Value {
    return blocks.reduce((value, block) => this.#block(value, block), x);
  }

  #block(x: Value, block: ConvBlock): Value {
    const { name, kernel, stride } = block;
    const padding = [paddingOf(kernel[0]), paddingOf(kernel[1])] as const;
    const emitConv = conv(this.#graph, `${name}.conv`, x, this.#weights(block), { kernel, stride, padding });
    const normed = this.#hasStatistics ? emitConv : this.#instanceNorm(emitConv, block);
    return leakyRelu(this.#graph, `${name}.lrelu`, normed, LEAKY_SLOPE);
  }

  #weights(block: ConvBlock): { readonly weight: Value; readonly bias: Value } {
    const { name, inputs, outputs, kernel } = block;
    if (this.#hasStatistics) return this.#foldedWeights(block);
    return {
      weight: this.#plainWeight(`${name}.conv.weight`, [outputs, inputs, ...kernel]),
      bias: this.#plainWeight(`${name}.conv.bias`, [outputs]),
    };
  }

  #instanceNorm(x: Value, { name, outputs }: ConvBlock): Value {
    const scale = this.#plainWeight(`${name}.instnorm.weight`, [outputs]);
    const bias = this.#plainWeight(`${name}.instnorm.bias`, [outputs]);
    return instanceNormalization(this.#graph, `${name}.instnorm`, x, { scale, bias }, NORM_EPSILON);
  }

  /** nnU-Net v1 names every normalisation layer `instnorm`, including batch normalisation. */
  #foldedWeights({ name, inputs, outputs, kernel }: ConvBlock): { readonly weight: Value; readonly bias: Value } {
    const weight = this.#tracker.use(`${name}.conv.weight`, [outputs, inputs, ...kernel]);
    const bias = this.#tracker.use(`${name}.conv.bias`, [outputs]);
    const gamma = this.#tracker.use(`${name}.instnorm.weight`, [outputs]);
    const beta = this.#tracker.use(`${name}.instnorm.bias`, [outputs]);
    const mean = this.#tracker.use(`${name}.instnorm.running_mean`, [outputs]);
    const variance = this.#tracker.use(`${name}.instnorm.running_var`, [outputs]);
    this.#tracker.setAsideIfPresent(`${name}.instnorm.num_batches_tracked`, []);
    return {
      weight: this.#tensor(`${name}.weight`, weight.shape, async () =>
        foldedWeight(await weight.read(), outputs, {
          gamma: await gamma.read(),
          variance: await variance.read(),
          epsilon: NORM_EPSILON,
        }),
      ),
      bias: this.#tensor(`${name}.bias`, bias.shape, async () =>
        foldedBias(await bias.read(), {
          gamma: await gamma.read(),
          beta: await beta.read(),
          mean: await mean.read(),
          variance: await variance.read(),
          epsilon: NORM_EPSILON,
        }),
      ),
    };
  }

  #upsampling(x: Value, { name, inputs, outputs, stride }: Upsampling): Value {
    const weight = this.#plainWeight(`${name}.weight`, [inputs, outputs, ...stride]);
    return convTranspose(this.#graph, name, x, { weight }, { kernel: stride, stride });
  }

  #head(x: Value, head: SegmentationHead): Value {
    const weight = this.#plainWeight(...headParameter(head));
    return conv(this.#graph, head.name, x, { weight }, { kernel: [1, 1] });
  }

  #plainWeight(name: string, shape: readonly number[]): Value {
    const tensor: StateTensor = this.#tracker.use(name, shape);
    return this.#tensor(name, shape, tensor.read);
  }

  #tensor(name: string, shape: readonly number[], read: () => Promise<Float32Array>): Value {
    return finiteTensor(this.#graph, name, shape, this.#tracker.source, read);
  }
}

function headParameter({ name, inputs, classes }: SegmentationHead): [name: string, shape: readonly number[]] {
  return [`${name}.weight`, [classes, inputs, 1, 1]];
}

/** Like `Generic_UNet`, pads an axis with a kernel of 3 by 1 and any other axis by 0. */
function paddingOf(kernel: number): number {
  return kernel === 3 ? 1 : 0;
}

/** Convolution, normalisation, LeakyReLU; `name` is the prefix of its parameters in the state dict. */
interface ConvBlock {
  readonly name: string;
  readonly inputs: number;
  readonly outputs: number;
  readonly kernel: Pair;
  readonly stride: Pair;
}

/** Transposed convolution whose kernel is its stride, so that its windows do not overlap. */
interface Upsampling {
  readonly name: string;
  readonly inputs: number;
  readonly outputs: number;
  readonly stride: Pair;
}

/** 1×1 convolution without bias onto the classes. */
interface SegmentationHead {
  readonly name: string;
  readonly inputs: number;
  readonly classes: number;
}

interface DecoderStage {
  readonly upsampling: Upsampling;
  readonly blocks: readonly ConvBlock[];
  readonly head: SegmentationHead;
}

/** The 2D U-Net of nnU-Net v1, every layer with the name it has in the state dict. */
export interface UnetArchitecture {
  readonly inputChannels: number;
  readonly classes: number;
  readonly patch: Pair;
  /** Whether it must have batch normalisation; otherwise its parameters decide. */
  readonly isBatchNormalised: boolean;
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
/** Trainers with batch normalisation, such as the paper's. */
export const BATCH_NORM_TRAINER = /_BN(?:_|$)/;

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
    isBatchNormalised: BATCH_NORM_TRAINER.test(plans.trainer),
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
