import { join } from 'node:path';
import type { InferenceSession } from 'onnxruntime-node';
import { ReigniteError } from '../../errors.ts';
import { type CustomModelCard, readOwnCard } from '../../onnx/custom-model/custom-model.ts';
import { channelsRead } from '../../onnx/custom-model/image-spec.ts';
import type { DetectionSidecar } from '../../onnx/custom-model/sidecar.ts';
import { instructionSet } from '../../onnx/session/engine.ts';
import { openSession, type SessionOptions } from '../../onnx/session/session.ts';
import { floatsOf, TileInput } from '../../onnx/session/tile-tensors.ts';
import type { DetectorModel } from './detect-image.ts';
import type { DetectorEngine } from './detection-job.ts';
import { OrtDetector, placeRows } from './ort-detector.ts';

/** A detector with information on what it runs on. */
export interface EngineDetector extends DetectorModel {
  readonly engine: DetectorEngine;
  release(): Promise<void>;
}

/**
 * Opens a model folder of the state directory: a converted detector, or a custom ONNX model.
 *
 * @throws ReigniteError MODEL_UNREADABLE, PROVIDER_UNAVAILABLE.
 */
export async function openDetector(folder: string, options: SessionOptions): Promise<EngineDetector> {
  const card = await readOwnCard(folder);
  return card === undefined ? OrtDetector.load(folder, options) : CustomDetector.load(folder, card, options);
}

/** A custom ONNX model whose output has one of the layouts of `DetectorFormat`. */
class CustomDetector implements EngineDetector {
  readonly digest: string;
  readonly size: number;
  readonly shape: { readonly height: number; readonly width: number };
  readonly rows: number;
  readonly classes: readonly string[];
  readonly channels: number;
  readonly isSuppressed: boolean;
  readonly engine: DetectorEngine;
  readonly #card: CustomModelCard;
  readonly #sidecar: DetectionSidecar;
  readonly #input: TileInput;
  readonly #session: InferenceSession;

  private constructor(
    card: CustomModelCard,
    sidecar: DetectionSidecar,
    session: InferenceSession,
    engine: DetectorEngine,
  ) {
    this.digest = card.digest;
    const [height, width] = card.size;
    this.size = Math.max(height, width);
    this.shape = { height, width };
    this.rows = card.count;
    this.classes = sidecar.labels;
    this.channels = channelsRead(card.image.channels);
    this.isSuppressed = sidecar.output.format === 'end2end';
    this.engine = engine;
    this.#card = card;
    this.#sidecar = sidecar;
    this.#input = new TileInput(card.image, card.size);
    this.#session = session;
  }

  static async load(folder: string, card: CustomModelCard, options: SessionOptions): Promise<CustomDetector> {
    const { sidecar } = card;
    if (sidecar.kind !== 'detection') {
      throw new ReigniteError(
        'SIDECAR_INVALID',
        `The model in ${folder} is a segmentation model; this task needs a detector.`,
      );
    }
    const { session, ...opened } = await openSession(join(folder, card.file), options);
    return new CustomDetector(card, sidecar, session, { ...opened, instructionSet: instructionSet() });
  }

  async run(input: Float32Array, head: Float32Array): Promise<void> {
    const image = this.#input.tensor(input);
    try {
      const { [this.#card.output]: output } = await this.#session.run({ [this.#card.input]: image }, [
        this.#card.output,
      ]);
      const data = floatsOf(output, this.#card.output);
      const { format } = this.#sidecar.output;
      const columns = format === 'end2end' ? 6 : this.classes.length + (format === 'yolov5' ? 5 : 4);
      const rows = data.length / columns;
      const fits = this.#card.rowsVary ? rows <= this.rows && Number.isInteger(rows) : rows === this.rows;
      const found = output?.dims[format === 'yolov8' ? 1 : 2];
      if (!fits || found !== columns) {
        throw new RangeError(`Expected ${this.rows} x ${columns} numbers, got [${output?.dims}]`);
      }
      if (rows < this.rows) head.fill(0);
      placeRows(data, format, rows, this.classes.length, head);
    } catch (cause) {
      throw new ReigniteError('INFERENCE_FAILED', `The network ${this.digest} failed on a tile: ${String(cause)}`, {
        cause,
      });
    }
  }

  async release(): Promise<void> {
    await this.#session.release();
  }
}
