import { join } from 'node:path';
import { type InferenceSession, Tensor } from 'onnxruntime-node';
import { ReigniteError } from '../../errors.ts';
import { instructionSet } from '../../onnx/session/engine.ts';
import { openSession, type SessionOptions } from '../../onnx/session/session.ts';
import { BOX_COLUMNS } from '../convert/modules/detect.ts';
import { type DetectorCard, readDetectorCard } from '../detector-card.ts';
import type { DetectorModel } from './detect-image.ts';
import type { DetectorEngine } from './detection-job.ts';

/** A converted detector under ONNX Runtime. */
export class OrtDetector implements DetectorModel {
  readonly digest: string;
  readonly size: number;
  readonly rows: number;
  readonly classes: readonly string[];
  readonly engine: DetectorEngine;
  readonly #card: DetectorCard;
  readonly #session: InferenceSession;

  private constructor(card: DetectorCard, session: InferenceSession, engine: DetectorEngine) {
    this.digest = card.digest;
    this.size = card.size;
    this.rows = card.rows;
    this.classes = card.classes;
    this.engine = engine;
    this.#card = card;
    this.#session = session;
  }

  /**
   * @param folder - Folder of the converted detector.
   * @throws ReigniteError MODEL_UNREADABLE, PROVIDER_UNAVAILABLE.
   */
  static async load(folder: string, options: SessionOptions): Promise<OrtDetector> {
    const card = await readDetectorCard(folder);
    const file = join(folder, card.file);
    const { session, ...opened } = await openSession(file, options);
    checkShapes(file, session, card);
    return new OrtDetector(card, session, { ...opened, instructionSet: instructionSet() });
  }

  async run(input: Float32Array, head: Float32Array): Promise<void> {
    const { size, rows } = this;
    const image = new Tensor('float32', input, [1, 3, size, size]);
    const result = new Tensor('float32', head, [1, rows, BOX_COLUMNS + this.classes.length]);
    try {
      await this.#session.run({ [this.#card.input]: image }, { [this.#card.output]: result });
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

function checkShapes(file: string, session: InferenceSession, { size, rows, nc, input, output }: DetectorCard): void {
  const given = shapeOf(session.inputMetadata, input);
  const gives = shapeOf(session.outputMetadata, output);
  if (isShape(given, [1, 3, size, size]) && isShape(gives, [1, rows, BOX_COLUMNS + nc])) return;
  throw new ReigniteError(
    'MODEL_UNREADABLE',
    `The model ${file} maps ${input} [${given}] to ${output} [${gives}]; its card says ${size} px, ${rows} rows, ${nc} classes.`,
  );
}

function shapeOf(metadata: InferenceSession['inputMetadata'], name: string): readonly (number | string)[] {
  const value = metadata.find((each) => each.name === name);
  return value?.isTensor === true ? value.shape : [];
}

function isShape(shape: readonly (number | string)[], expected: readonly number[]): boolean {
  return shape.length === expected.length && shape.every((length, axis) => length === expected[axis]);
}
