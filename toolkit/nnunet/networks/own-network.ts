import { join } from 'node:path';
import { type InferenceSession, Tensor } from 'onnxruntime-node';
import { ReigniteError } from '../../errors.ts';
import type { CustomModelCard } from '../../onnx/custom-model/own-model.ts';
import type { SegmentationSidecar } from '../../onnx/custom-model/sidecar.ts';
import { instructionSet } from '../../onnx/session/engine.ts';
import { openSession, type SessionOptions } from '../../onnx/session/session.ts';
import { placeScores, TileInput } from '../../onnx/session/tile-tensors.ts';
import { RGB_SOFTMAX } from '../model-method.ts';
import type { Engine } from '../sliding-window/roi-job.ts';
import type { Size } from '../sliding-window/tile-grid.ts';
import type { EngineNetworks } from './open-networks.ts';

/** Values that the masks of a model may hold, from 0 on: its largest label and those below. */
export function labelValues({ labels }: SegmentationSidecar): readonly number[] {
  return labels.map(({ value }, channel) => value ?? channel);
}

/** A custom ONNX model as an ensemble of one, with the same sliding window. */
export class CustomSegmenter implements EngineNetworks {
  readonly digest: string;
  readonly patch: Size;
  readonly classes: number;
  readonly folds = 1;
  readonly method = RGB_SOFTMAX;
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
    this.classes = Math.max(...this.#values) + 1;
    this.#card = card;
    this.#sidecar = sidecar;
    this.#file = join(folder, card.file);
    this.#options = options;
    this.#input = new TileInput(sidecar.input, size);
  }

  async engine(): Promise<Engine> {
    await this.#open();
    if (this.#engine === undefined)
      throw new ReigniteError('INTERNAL', 'No ONNX Runtime session reported its provider.');
    return this.#engine;
  }

  async run(_fold: number, input: Float32Array, softmax: Float32Array): Promise<void> {
    const session = await this.#open();
    const image = new Tensor('float32', this.#input.fill(input), [...this.#input.shape]);
    const { layout, values } = this.#sidecar.output;
    try {
      const { [this.#card.output]: output } = await session.run({ [this.#card.input]: image }, [this.#card.output]);
      const data = output?.data;
      if (!(data instanceof Float32Array) || data.length !== this.patch.height * this.patch.width * this.#card.count) {
        throw new RangeError(`Expected ${this.#card.count} scores a pixel, got [${output?.dims}]`);
      }
      placeScores(data, { layout, isLogits: values === 'logits' }, this.#values, this.classes, softmax);
    } catch (cause) {
      throw new ReigniteError('INFERENCE_FAILED', `The network ${this.#file} failed on a tile: ${String(cause)}`, {
        cause,
      });
    }
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
