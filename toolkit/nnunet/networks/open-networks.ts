import { join } from 'node:path';
import type { InferenceSession } from 'onnxruntime-node';
import { ReigniteError } from '../../errors.ts';
import { type CustomModelCard, readOwnCard } from '../../onnx/custom-model/custom-model.ts';
import { channelsRead, type ImageSpec } from '../../onnx/custom-model/image-spec.ts';
import { hasSigmoid, labelValues, type Normalise, type SegmentationSidecar } from '../../onnx/custom-model/sidecar.ts';
import type { Engine } from '../../onnx/session/engine-choice.ts';
import { instructionSet } from '../../onnx/session/environment.ts';
import { InferenceThread } from '../../onnx/session/inference-thread.ts';
import { openSession, type SessionOptions } from '../../onnx/session/session.ts';
import { floatsOf, placeScores, placeSigmoids, TileInput } from '../../onnx/session/tile-tensors.ts';
import { startThread } from '../../start-thread.ts';
import { type ModelMethod, type Normalisation, RGB_SOFTMAX, readModelCard } from '../model-card.ts';
import type { ModelJob } from '../sliding-window/roi-segmenter.ts';
import type { Size } from '../sliding-window/tile-grid.ts';
import { type FoldNetworks, type NetworkCounts, OrtFoldNetworks } from './ort-fold-networks.ts';

/** What is known about an ensemble before any of its networks is open. */
export interface EnsembleOutline extends Pick<FoldNetworks, 'patch' | 'classes' | 'method' | 'folds'> {
  /** SHA-256 over everything that determines the outputs. */
  readonly digest: string;
}

/** Networks that report what they run on. */
export interface EngineNetworks extends FoldNetworks, EnsembleOutline {
  /** @throws ReigniteError PROVIDER_UNAVAILABLE, MODEL_UNREADABLE. */
  engine(): Promise<Engine>;
  /** Closes every session. */
  release(): Promise<void>;
}

/**
 * Returns the networks of a converted nnU-Net or a custom ONNX model in a folder of the state directory. Each one is
 * opened when it is first used.
 *
 * @throws ReigniteError MODEL_UNREADABLE.
 */
export async function openNetworks(folder: string, options: SessionOptions): Promise<EngineNetworks> {
  const own = await readOwnCard(folder);
  if (own !== undefined) return new CustomSegmenter(folder, own, options);
  return new OrtFoldNetworks(folder, await readModelCard(folder), options);
}

/**
 * Describes the ensemble in a folder of the state directory, without opening a network.
 *
 * @throws ReigniteError MODEL_UNREADABLE.
 */
export async function describeNetworks(folder: string): Promise<EnsembleOutline> {
  const { digest, patch, classes, method, folds } = await openNetworks(folder, {});
  return { digest, patch, classes, method, folds };
}

/** A custom ONNX model as an ensemble of one, with the same sliding window. */
class CustomSegmenter implements EngineNetworks {
  readonly digest: string;
  readonly patch: Size;
  readonly classes: number;
  readonly folds = 1;
  readonly method: ModelMethod;
  readonly #card: CustomModelCard;
  readonly #sidecar: SegmentationSidecar;
  readonly #file: string;
  readonly #options: SessionOptions;
  readonly #input: TileInput;
  readonly #values: readonly number[];
  #session: InferenceSession | undefined;
  #engine: Engine | undefined;

  /** @param folder - Where `importCustomModel` put it. */
  constructor(folder: string, card: CustomModelCard, options: SessionOptions) {
    const { sidecar, size } = card;
    if (sidecar.kind !== 'segmentation') {
      throw new ReigniteError(
        'SIDECAR_INVALID',
        `The model in ${folder} is a detector; this task needs a segmentation model.`,
      );
    }
    this.digest = card.digest;
    this.patch = { height: size[0], width: size[1] };
    this.#values = labelValues(sidecar);
    this.classes = hasSigmoid(sidecar) ? card.count : Math.max(...this.#values) + 1;
    this.method = methodOf(sidecar, card.image);
    this.#card = card;
    this.#sidecar = sidecar;
    this.#file = join(folder, card.file);
    this.#options = options;
    this.#input = new TileInput(card.image, size);
  }

  async engine(): Promise<Engine> {
    await this.#open();
    if (this.#engine === undefined)
      throw new ReigniteError('INTERNAL', 'No ONNX Runtime session reported its provider.');
    return this.#engine;
  }

  async run(_fold: number, input: Float32Array, scores: Float32Array): Promise<void> {
    const session = await this.#open();
    const image = this.#input.tensor(input);
    try {
      const { [this.#card.output]: output } = await session.run({ [this.#card.input]: image }, [this.#card.output]);
      const data = floatsOf(output, this.#card.output);
      // If the file leaves dimensions open, the output can be checked against the model JSON only now.
      if (!this.#fits(output?.dims ?? [])) {
        throw new RangeError(`Expected ${this.#card.count} scores per pixel, got an output of shape [${output?.dims}]`);
      }
      this.#place(data, scores);
    } catch (cause) {
      throw new ReigniteError('INFERENCE_FAILED', `The network ${this.#file} failed on a tile: ${String(cause)}`, {
        cause,
      });
    }
  }

  #fits(dims: readonly number[]): boolean {
    const { height, width } = this.patch;
    const { count, outputLayout } = this.#card;
    const expected = outputLayout === 'NHWC' ? [height, width, count] : [count, height, width];
    const isFlat = count === 1 && dims.join() === [1, height, width].join();
    return isFlat || dims.join() === [1, ...expected].join();
  }

  #place(data: Float32Array, scores: Float32Array): void {
    const { values } = this.#sidecar.output;
    const layout = this.#card.outputLayout ?? 'NCHW';
    if (hasSigmoid(this.#sidecar)) {
      placeSigmoids(data, { layout, isLogits: values === 'sigmoid-logits' }, this.#card.count, scores);
    } else placeScores(data, { layout, isLogits: values === 'logits' }, this.#values, this.classes, scores);
  }

  async releaseLargeNetworks(): Promise<void> {
    await this.release();
  }

  async release(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    await session?.release();
  }

  async #open(): Promise<InferenceSession> {
    if (this.#session !== undefined) return this.#session;
    const provider = this.#engine?.provider ?? this.#options.provider ?? 'auto';
    const { session, ...opened } = await openSession(this.#file, { ...this.#options, provider });
    this.#session = session;
    this.#engine ??= { ...opened, instructionSet: instructionSet() };
    return session;
  }
}

/** Returns the normalisation by image statistics that a model JSON asks for; undefined for plain scaling to 0..1. */
function schemeOf(normalise: Normalise | undefined): Normalisation | undefined {
  if (normalise === undefined) return undefined;
  const { epsilon } = normalise;
  const together = normalise.channels === 'together';
  if (normalise.by === 'deviation') return { scheme: 'Standardised', epsilon, together };
  const { low, high } = normalise;
  return { scheme: 'Percentiles', low, high, epsilon, together };
}

/** Returns the input of the sliding window: the channels read, from 0 to 1 or scaled; for scaled grey, its luma. */
function inputMethod(scheme: Normalisation | undefined, channels: ImageSpec['channels']): ModelMethod {
  if (scheme !== undefined && channels === 'grey') return { ...RGB_SOFTMAX, normalisation: [scheme], takesLuma: true };
  const each = scheme ?? { scheme: 'RGBTo01' };
  return { ...RGB_SOFTMAX, normalisation: Array.from({ length: channelsRead(channels) }, () => each) };
}

const USUAL_THRESHOLD = 0.5;

function methodOf(sidecar: SegmentationSidecar, { channels }: ImageSpec): ModelMethod {
  const method = inputMethod(schemeOf(sidecar.input.normalise), channels);
  if (!hasSigmoid(sidecar)) return method;
  const { threshold = USUAL_THRESHOLD } = sidecar.output;
  return { ...method, decision: { kind: 'threshold', values: [...labelValues(sidecar)], threshold } };
}

/** A request to the inference thread. Each names the model, because the thread that replaces a crashed one has none open. */
export type NetworksRequest = { readonly job: ModelJob } & (
  | { readonly kind: 'open' }
  /** The arrays are in shared memory. */
  | { readonly kind: 'run'; readonly fold: number; readonly input: Float32Array; readonly output: Float32Array }
  | { readonly kind: 'releaseLargeNetworks' }
);

export type NetworksAnswer =
  | { readonly kind: 'opened'; readonly engine: Engine; readonly counts?: NetworkCounts }
  | { readonly kind: 'done'; readonly counts?: NetworkCounts };

/**
 * A converted ensemble in its own thread. While it predicts one tile, with the next one queued, the caller can process
 * the previous one. The arrays passed to `run` must be in shared memory.
 */
export class ThreadedNetworks implements FoldNetworks {
  readonly digest: string;
  readonly engine: Engine;
  readonly patch: Size;
  readonly classes: number;
  readonly method: ModelMethod;
  readonly folds: number;
  #counts: NetworkCounts | undefined;
  readonly #job: ModelJob;
  readonly #thread: InferenceThread<NetworksRequest, NetworksAnswer, never>;

  private constructor(
    job: ModelJob,
    outline: EnsembleOutline,
    engine: Engine,
    thread: InferenceThread<NetworksRequest, NetworksAnswer, never>,
    counts: NetworkCounts | undefined,
  ) {
    this.digest = outline.digest;
    this.patch = outline.patch;
    this.classes = outline.classes;
    this.method = outline.method;
    this.folds = outline.folds;
    this.engine = engine;
    this.#job = job;
    this.#thread = thread;
    this.#counts = counts;
  }

  /**
   * Starts the thread and opens the first network in it.
   *
   * @throws ReigniteError MODEL_UNREADABLE, PROVIDER_UNAVAILABLE.
   */
  static async open(job: ModelJob): Promise<ThreadedNetworks> {
    const outline = await describeNetworks(job.modelDir);
    const thread = new InferenceThread<NetworksRequest, NetworksAnswer, never>(
      () => startThread('toolkit/nnunet/networks/networks-thread.ts'),
      ({ kind }) => (kind === 'run' ? `a network of ${job.modelDir} ran` : `it loaded ${job.modelDir}`),
      1,
    );
    try {
      const answer = await thread.ask({ kind: 'open', job });
      if (answer.kind === 'opened') return new ThreadedNetworks(job, outline, answer.engine, thread, answer.counts);
      throw new ReigniteError('INTERNAL', `The thread of networks answered ${answer.kind} to open.`);
    } catch (error) {
      await thread.close();
      throw error;
    }
  }

  async run(fold: number, input: Float32Array, output: Float32Array): Promise<void> {
    this.#counts = (await this.#thread.ask({ kind: 'run', job: this.#job, fold, input, output })).counts;
  }

  get counts(): NetworkCounts | undefined {
    return this.#counts;
  }

  async releaseLargeNetworks(): Promise<void> {
    await this.#thread.ask({ kind: 'releaseLargeNetworks', job: this.#job });
  }

  /** Closes every session and ends the thread. */
  close(): Promise<void> {
    return this.#thread.close();
  }
}
