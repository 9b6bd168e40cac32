import { foldedBias, foldedWeight } from '../../onnx/graph/fold-batch-norm.ts';
import type { OnnxGraph } from '../../onnx/graph/graph.ts';
import { GraphBuilder, type Value } from '../../onnx/graph/graph.ts';
import { concat, conv, convTranspose, leakyRelu, softmax, transpose } from '../../onnx/graph/operators.ts';
import type { StateDictTracker, StateTensor } from './state-dict.ts';
import { finiteTensor } from './state-dict.ts';
import type { ConvBlock, SegmentationHead, UnetArchitecture, Upsampling } from './unet-architecture.ts';

/** Name of the graph's input: float32 [1, 3, height, width], RGB in [0, 1]. */
export const INPUT_NAME = 'image';
/** Name of the graph's output: float32 [1, height, width, classes], in [0, 1], sums to 1 over the classes. */
export const OUTPUT_NAME = 'softmax';

const LEAKY_SLOPE = 0.01;
/** What nnU-Net v1 adds to the variance in batch normalisation. */
const BATCH_NORM_EPSILON = 1e-5;
const CHANNEL_AXIS = 1;

/**
 * Builds the inference graph of one fold. Batch normalisation is folded into the convolutions, only the full-resolution
 * head is kept, and softmax is over the last axis. (On a CPU, softmax over axis 1 takes 7 to 10 % of the time of a
 * tile, but less than 1 % after the transposition. Blending needs the classes innermost anyway.)
 *
 * Tensors that inference does not need are set aside. The caller closes the tracker.
 *
 * @throws ReigniteError PARAMETER_MISSING for a tensor that is missing or has another shape; CHECKPOINT_CORRUPT, when
 *   the weights are read, for values that are not finite.
 */
export function unetGraph(architecture: UnetArchitecture, tracker: StateDictTracker): OnnxGraph {
  return new UnetGraph(tracker).build(architecture);
}

class UnetGraph {
  readonly #graph = new GraphBuilder('nnunet-v1-2d');
  readonly #tracker: StateDictTracker;

  constructor(tracker: StateDictTracker) {
    this.#tracker = tracker;
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

  /** nnU-Net names every normalisation layer `instnorm`, including batch normalisation. */
  #block(x: Value, { name, inputs, outputs, kernel, stride }: ConvBlock): Value {
    const weight = this.#tracker.use(`${name}.conv.weight`, [outputs, inputs, ...kernel]);
    const bias = this.#tracker.use(`${name}.conv.bias`, [outputs]);
    const gamma = this.#tracker.use(`${name}.instnorm.weight`, [outputs]);
    const beta = this.#tracker.use(`${name}.instnorm.bias`, [outputs]);
    const mean = this.#tracker.use(`${name}.instnorm.running_mean`, [outputs]);
    const variance = this.#tracker.use(`${name}.instnorm.running_var`, [outputs]);
    this.#tracker.setAsideIfPresent(`${name}.instnorm.num_batches_tracked`, []);
    const weights = {
      weight: this.#tensor(`${name}.weight`, weight.shape, async () =>
        foldedWeight(await weight.read(), outputs, {
          gamma: await gamma.read(),
          variance: await variance.read(),
          epsilon: BATCH_NORM_EPSILON,
        }),
      ),
      bias: this.#tensor(`${name}.bias`, bias.shape, async () =>
        foldedBias(await bias.read(), {
          gamma: await gamma.read(),
          beta: await beta.read(),
          mean: await mean.read(),
          variance: await variance.read(),
          epsilon: BATCH_NORM_EPSILON,
        }),
      ),
    };
    const padding = [paddingOf(kernel[0]), paddingOf(kernel[1])] as const;
    const emitConv = conv(this.#graph, `${name}.conv`, x, weights, { kernel, stride, padding });
    return leakyRelu(this.#graph, `${name}.lrelu`, emitConv, LEAKY_SLOPE);
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
