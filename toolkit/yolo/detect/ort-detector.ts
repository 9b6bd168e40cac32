import { join } from 'node:path';
import { type InferenceSession, Tensor } from 'onnxruntime-node';
import { ReigniteError } from '../../errors.ts';
import { elementCount } from '../../onnx/graph/graph.ts';
import { instructionSet } from '../../onnx/session/engine.ts';
import { openSession, type SessionOptions } from '../../onnx/session/session.ts';
import { placeBoxes } from '../../onnx/session/tile-tensors.ts';
import { BOX_COLUMNS, type Size } from '../convert/modules/detect.ts';
import { type DetectorCard, type DetectorFormat, readDetectorCard } from '../detector-card.ts';
import type { DetectorModel } from './detect-image.ts';
import type { DetectorEngine } from './detection-job.ts';

/** A converted detector that runs on ONNX Runtime. */
export class OrtDetector implements DetectorModel {
  readonly digest: string;
  readonly size: number;
  readonly shape: Size;
  readonly rows: number;
  readonly classes: readonly string[];
  readonly isSuppressed: boolean;
  readonly engine: DetectorEngine;
  readonly #output: Float32Array | undefined;
  readonly #card: DetectorCard;
  readonly #session: InferenceSession;

  private constructor(card: DetectorCard, session: InferenceSession, engine: DetectorEngine) {
    this.digest = card.digest;
    this.size = card.size;
    this.shape = shapeOfCard(card);
    this.isSuppressed = card.format === 'end2end';
    // YOLOv5's layout is the one that callers expect, so the network writes into their buffer directly.
    this.#output = card.format === 'yolov5' ? undefined : new Float32Array(elementCount(outputShape(card)));
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
    const { height, width } = this.shape;
    const image = new Tensor('float32', input, [1, 3, height, width]);
    const result = new Tensor('float32', this.#output ?? head, outputShape(this.#card));
    try {
      await this.#session.run({ [this.#card.input]: image }, { [this.#card.output]: result });
    } catch (cause) {
      throw new ReigniteError('INFERENCE_FAILED', `The network ${this.digest} failed on a tile: ${String(cause)}`, {
        cause,
      });
    }
    if (this.#output !== undefined) placeRows(this.#output, this.#card.format, this.rows, this.classes.length, head);
  }

  async release(): Promise<void> {
    await this.#session.release();
  }
}

function checkShapes(file: string, session: InferenceSession, card: DetectorCard): void {
  const { input, output } = card;
  const { height, width } = shapeOfCard(card);
  const given = shapeOf(session.inputMetadata, input);
  const gives = shapeOf(session.outputMetadata, output);
  if (isShape(given, [1, 3, height, width]) && isShape(gives, outputShape(card))) return;
  throw new ReigniteError(
    'MODEL_UNREADABLE',
    `The model ${file} maps ${input} [${given}] to ${output} [${gives}]; its description says ${height} x ${width} px, ${card.rows} rows, ${card.nc} classes.`,
  );
}

function shapeOfCard({ size, shape: [height, width] = [size, size] }: DetectorCard): Size {
  return { height, width };
}

function outputShape({ format, rows, nc }: DetectorCard): number[] {
  if (format === 'end2end') return [1, rows, 6];
  return format === 'yolov5' ? [1, rows, BOX_COLUMNS + nc] : [1, 4 + nc, rows];
}

function shapeOf(metadata: InferenceSession['inputMetadata'], name: string): readonly (number | string)[] {
  const value = metadata.find((each) => each.name === name);
  return value?.isTensor === true ? value.shape : [];
}

function isShape(shape: readonly (number | string)[], expected: readonly number[]): boolean {
  return shape.length === expected.length && shape.every((length, axis) => length === expected[axis]);
}

const END2END_COLUMNS = 6;

/**
 * Converts the output of a detector from any layout to the rows of YOLOv5. Layouts without objectness get an objectness
 * of 1.
 *
 * @param output - Output in one of the layouts of `DetectorFormat`.
 * @param head - Receives rows x (5 + classes) float32.
 */
export function placeRows(
  output: Float32Array,
  format: DetectorFormat,
  rows: number,
  classes: number,
  head: Float32Array,
): void {
  if (format === 'yolov5') head.set(output);
  else if (format === 'yolov8') placeBoxes(output, rows, classes, head);
  else placeSuppressed(output, rows, classes, head);
}

/** Converts `end2end` rows, which have one class each. A class number that the model does not have gets a score of 0. */
function placeSuppressed(output: Float32Array, rows: number, classes: number, head: Float32Array): void {
  const columns = BOX_COLUMNS + classes;
  head.fill(0);
  for (let row = 0; row < rows; row++) {
    const at = row * END2END_COLUMNS;
    const [x1 = Number.NaN, y1 = Number.NaN, x2 = Number.NaN, y2 = Number.NaN, score = 0, label = -1] = output.subarray(
      at,
      at + END2END_COLUMNS,
    );
    const to = row * columns;
    head.set([(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1, 1], to);
    if (Number.isInteger(label) && label >= 0 && label < classes) head[to + BOX_COLUMNS + label] = score;
  }
}
