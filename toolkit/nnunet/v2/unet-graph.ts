import type { OnnxGraph } from '../../onnx/graph/graph.ts';
import { GraphBuilder, type Value } from '../../onnx/graph/graph.ts';
import { foldedBias, foldedWeight } from '../../onnx/graph/normalisation.ts';
import * as operators from '../../onnx/graph/operators.ts';
import type { StateDictTracker, StateTensor } from '../convert/state-dict.ts';
import { finiteTensor } from '../convert/state-dict.ts';
import type { Pair } from '../v1/plans.ts';
import type { Activation, Norm, V2Network } from './plans.ts';

/** Name of the graph's input: float32 [1, channels, height, width]. */
export const INPUT_NAME = 'image';
/** Name of the graph's output: float32 [1, height, width, outputs]. */
export const OUTPUT_NAME = 'logits';

const ONE: Pair = [1, 1];
const CHANNEL_AXIS = 1;

/** Convolution, normalisation, activation; `name` is the prefix of its parameters. */
interface Block {
  readonly name: string;
  readonly inputs: number;
  readonly outputs: number;
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly bias: boolean;
  readonly isActivated: boolean;
}

/**
 * Builds the inference graph of one fold of an nnU-Net v2 network, from the image to the logits, channels last.
 *
 * The heads of deep supervision are set aside. The caller closes the tracker.
 *
 * @param sizes - Patch in px; channels of the image; outputs of the network.
 * @throws ReigniteError PARAMETER_MISSING for a tensor that is missing or has another shape; CHECKPOINT_CORRUPT, when
 *   the weights are read, for values that are not finite.
 * @see dynamic_network_architectures 0.4.4: architectures/unet.py and building_blocks
 */
export function v2UnetGraph(
  network: V2Network,
  sizes: { readonly patch: Pair; readonly channels: number; readonly outputs: number },
  tracker: StateDictTracker,
): OnnxGraph {
  const [height, width] = sizes.patch;
  const unet = new V2UnetGraph(network, tracker);
  const image = unet.graph.input(INPUT_NAME, 'float32', [1, sizes.channels, height, width]);
  const logits = unet.decoder(unet.encoder(image, sizes.channels), sizes.outputs);
  const channelsLast = operators.transpose(unet.graph, OUTPUT_NAME, logits, [0, 2, 3, 1]);
  unet.graph.output(channelsLast, 'float32', [1, height, width, sizes.outputs]);
  return unet.graph.build();
}

class V2UnetGraph {
  readonly graph = new GraphBuilder('nnunet-v2-2d');
  readonly #network: V2Network;
  readonly #tracker: StateDictTracker;

  constructor(network: V2Network, tracker: StateDictTracker) {
    this.#network = network;
    this.#tracker = tracker;
  }

  /** Adds the encoder. Returns the features of each resolution, full resolution first. */
  encoder(image: Value, channels: number): readonly Value[] {
    const { name, features, kernels, strides, encoder, stemFeatures, convBias: bias } = this.#network;
    const isPlain = name === 'PlainConvUNet';
    const resolutions: Value[] = [];
    let x = image;
    let inputs = channels;
    if (!isPlain) {
      const stem = { name: 'encoder.stem.convs.0', inputs, outputs: stemFeatures, kernel: kernels[0] ?? ONE };
      x = this.#block(x, { ...stem, stride: ONE, bias, isActivated: true });
      inputs = stemFeatures;
    }
    for (const [stage, outputs] of features.entries()) {
      const shape = { inputs, outputs, kernel: kernels[stage] ?? ONE, stride: strides[stage] ?? ONE };
      const count = encoder[stage] ?? 1;
      x = isPlain
        ? this.#stack(x, { ...shape, name: `encoder.stages.${stage}.0` }, count)
        : this.#residualStack(x, { ...shape, name: `encoder.stages.${stage}` }, count);
      resolutions.push(x);
      inputs = outputs;
    }
    return resolutions;
  }

  /** Adds the decoder, deepest resolution first. Only the full-resolution head is used. */
  decoder(resolutions: readonly Value[], outputs: number): Value {
    const { features, kernels, strides, decoder } = this.#network;
    const stages = features.length - 1;
    let x = elementAt(resolutions, stages);
    for (let step = 0; step < stages; step++) {
      const to = stages - step - 1;
      const skip = elementAt(features, to);
      const name = `decoder.transpconvs.${step}`;
      const upsampled = this.#upsampling(x, name, elementAt(features, to + 1), skip, elementAt(strides, to + 1));
      x = operators.concat(this.graph, `${name}.concat`, [upsampled, elementAt(resolutions, to)], CHANNEL_AXIS);
      const shape = { inputs: 2 * skip, outputs: skip, kernel: elementAt(kernels, to), stride: ONE };
      x = this.#stack(x, { ...shape, name: `decoder.stages.${step}` }, elementAt(decoder, step));
      const head = { name: `decoder.seg_layers.${step}`, inputs: skip, outputs };
      if (to > 0) this.#setHeadAside(head);
      else x = this.#head(x, head);
    }
    return x;
  }

  #stack(x: Value, { name, ...shape }: Omit<Block, 'bias' | 'isActivated'>, count: number): Value {
    let value = x;
    for (let k = 0; k < count; k++) {
      const inner = k === 0 ? shape : { ...shape, inputs: shape.outputs, stride: ONE };
      const rest = { bias: this.#network.convBias, isActivated: true };
      value = this.#block(value, { name: `${name}.convs.${k}`, ...inner, ...rest });
    }
    return value;
  }

  #residualStack(x: Value, { name, ...shape }: Omit<Block, 'bias' | 'isActivated'>, count: number): Value {
    let value = x;
    for (let k = 0; k < count; k++) {
      const inner = k === 0 ? shape : { ...shape, inputs: shape.outputs, stride: ONE };
      value = this.#residualBlock(value, { name: `${name}.blocks.${k}`, ...inner });
    }
    return value;
  }

  /** Adds a `BasicBlockD`. Its skip connection is average-pooled if the size changes, and projected if the channels change. */
  #residualBlock(x: Value, { name, inputs, outputs, kernel, stride }: Omit<Block, 'bias' | 'isActivated'>): Value {
    const bias = this.#network.convBias;
    const first = { name: `${name}.conv1`, inputs, outputs, kernel, stride, bias, isActivated: true };
    const second = { name: `${name}.conv2`, inputs: outputs, outputs, kernel, stride: ONE, bias, isActivated: false };
    const emitConv = this.#block(this.#block(x, first), second);
    const isStrided = stride.some((side) => side !== 1);
    let skip = isStrided ? operators.averagePool(this.graph, `${name}.skip.pool`, x, stride) : x;
    if (inputs !== outputs) {
      const projection = { name: `${name}.skip.${isStrided ? 1 : 0}`, inputs, outputs, kernel: ONE, stride: ONE };
      skip = this.#block(skip, { ...projection, bias: false, isActivated: false });
    }
    const sum = operators.add(this.graph, `${name}.sum`, emitConv, skip);
    return this.#activated(sum, `${name}.nonlin2`);
  }

  #block(x: Value, block: Block): Value {
    const { norm, activationFirst } = this.#network;
    if (norm?.kind === 'batch' && !(activationFirst && block.isActivated)) return this.#foldedBlock(x, block, norm);
    const { name, inputs, outputs, kernel, bias } = block;
    const weights = {
      weight: this.#plain(`${name}.conv.weight`, [outputs, inputs, ...kernel]),
      ...(bias && { bias: this.#plain(`${name}.conv.bias`, [outputs]) }),
    };
    const emitConv = operators.conv(this.graph, `${name}.conv`, x, weights, shapeOf(block));
    if (!activationFirst || !block.isActivated) {
      const normed = this.#normed(emitConv, block, norm);
      return block.isActivated ? this.#activated(normed, `${name}.nonlin`) : normed;
    }
    return this.#normed(this.#activated(emitConv, `${name}.nonlin`), block, norm);
  }

  /** Folds batch normalisation that directly follows a convolution into its weights. */
  #foldedBlock(x: Value, block: Block, norm: Norm): Value {
    const { name, inputs, outputs, kernel } = block;
    const weight = this.#tracker.use(`${name}.conv.weight`, [outputs, inputs, ...kernel]);
    const bias = block.bias ? this.#tracker.use(`${name}.conv.bias`, [outputs]) : undefined;
    const read = this.#batchNorm(block, norm);
    const weights = {
      weight: finiteTensor(this.graph, `${name}.weight`, weight.shape, this.#tracker.source, async () =>
        foldedWeight(await weight.read(), outputs, await read()),
      ),
      bias: finiteTensor(this.graph, `${name}.bias`, [outputs], this.#tracker.source, async () =>
        foldedBias((await bias?.read()) ?? new Float32Array(outputs), await read()),
      ),
    };
    const emitConv = operators.conv(this.graph, `${name}.conv`, x, weights, shapeOf(block));
    return block.isActivated ? this.#activated(emitConv, `${name}.nonlin`) : emitConv;
  }

  #batchNorm({ name, outputs }: Block, { epsilon, affine }: Norm) {
    const ones: StateTensor = { shape: [outputs], read: async () => new Float32Array(outputs).fill(1) };
    const zeros: StateTensor = { shape: [outputs], read: async () => new Float32Array(outputs) };
    const gamma = affine ? this.#tracker.use(`${name}.norm.weight`, [outputs]) : ones;
    const beta = affine ? this.#tracker.use(`${name}.norm.bias`, [outputs]) : zeros;
    const mean = this.#tracker.use(`${name}.norm.running_mean`, [outputs]);
    const variance = this.#tracker.use(`${name}.norm.running_var`, [outputs]);
    this.#tracker.setAsideIfPresent(`${name}.norm.num_batches_tracked`, []);
    return async () => ({
      gamma: await gamma.read(),
      beta: await beta.read(),
      mean: await mean.read(),
      variance: await variance.read(),
      epsilon,
    });
  }

  #normed(x: Value, block: Block, norm: Norm | undefined): Value {
    if (norm === undefined) return x;
    const { name, outputs } = block;
    const { source } = this.#tracker;
    if (norm.kind === 'batch') {
      const read = this.#batchNorm(block, norm);
      const part = (key: 'gamma' | 'beta' | 'mean' | 'variance') =>
        finiteTensor(this.graph, `${name}.norm.${key}`, [outputs], source, async () => (await read())[key]);
      const parts = { scale: part('gamma'), bias: part('beta'), mean: part('mean'), variance: part('variance') };
      return operators.batchNormalization(this.graph, `${name}.norm`, x, parts, norm.epsilon);
    }
    const constant = (key: string, value: number) =>
      operators.floats(this.graph, `${name}.norm.${key}`, [outputs], () => new Float32Array(outputs).fill(value));
    const scale = norm.affine ? this.#plain(`${name}.norm.weight`, [outputs]) : constant('ones', 1);
    const bias = norm.affine ? this.#plain(`${name}.norm.bias`, [outputs]) : constant('zeros', 0);
    return operators.instanceNormalization(this.graph, `${name}.norm`, x, { scale, bias }, norm.epsilon);
  }

  #activated(x: Value, name: string): Value {
    return activated(this.graph, name, x, this.#network.activation);
  }

  #upsampling(x: Value, name: string, inputs: number, outputs: number, stride: Pair): Value {
    const weights = {
      weight: this.#plain(`${name}.weight`, [inputs, outputs, ...stride]),
      ...(this.#network.convBias && { bias: this.#plain(`${name}.bias`, [outputs]) }),
    };
    return operators.convTranspose(this.graph, name, x, weights, { kernel: stride, stride });
  }

  #head(x: Value, { name, inputs, outputs }: Pick<Block, 'name' | 'inputs' | 'outputs'>): Value {
    const weight = this.#plain(`${name}.weight`, [outputs, inputs, 1, 1]);
    const bias = this.#plain(`${name}.bias`, [outputs]);
    return operators.conv(this.graph, name, x, { weight, bias }, { kernel: ONE });
  }

  #setHeadAside({ name, inputs, outputs }: Pick<Block, 'name' | 'inputs' | 'outputs'>): void {
    this.#tracker.setAsideIfPresent(`${name}.weight`, [outputs, inputs, 1, 1]);
    this.#tracker.setAsideIfPresent(`${name}.bias`, [outputs]);
  }

  #plain(name: string, shape: readonly number[]): Value {
    const tensor = this.#tracker.use(name, shape);
    return finiteTensor(this.graph, name, shape, this.#tracker.source, tensor.read);
  }
}

function activated(graph: GraphBuilder, name: string, x: Value, activation: Activation): Value {
  switch (activation.kind) {
    case 'leakyRelu':
      return operators.leakyRelu(graph, name, x, activation.slope);
    case 'elu':
      return operators.elu(graph, name, x, activation.alpha);
    case 'relu':
      return operators.relu(graph, name, x);
    case 'silu':
      return operators.silu(graph, name, x);
    case 'gelu':
      return operators.gelu(graph, name, x);
    case 'mish':
      return operators.mish(graph, name, x);
    case 'none':
      return x;
  }
}

function shapeOf({ kernel, stride }: Block): operators.ConvolutionShape {
  return { kernel, stride, padding: [(kernel[0] - 1) / 2, (kernel[1] - 1) / 2] };
}

function elementAt<T>(list: readonly T[], index: number): T {
  const value = list[index];
  if (value === undefined) throw new RangeError(`No element ${index} in a list of ${list.length}`);
  return value;
}
