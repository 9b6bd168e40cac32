import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { ReigniteError } from '../errors.ts';
import { readJsonIfValid } from '../files/text-file.ts';

export const CARD_FILE = 'detector.json';

const Sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const Count = z.int().min(1);

/**
 * Layout of a detector's output, float32, with boxes in px of the input. `yolov5`: [1, rows, 5 + classes], centre x, centre
 * y, width, height, objectness, classes. `yolov8`: [1, 4 + classes, rows], without objectness. `end2end`: [1, rows, 6],
 * x1, y1, x2, y2, score, class, best first and already suppressed.
 */
export const DetectorFormat = z.enum(['yolov5', 'yolov8', 'end2end']);
export type DetectorFormat = z.infer<typeof DetectorFormat>;

/** Description of a converted detector in its folder. Written last, so its presence means that the model is complete. */
export const DetectorCard = z.object({
  kind: z.enum(['yolov5', 'yolo']).describe('YOLOv5, or YOLOv8 and later of Ultralytics'),
  converterSchema: Count.describe('Raised when the same checkpoint would give other outputs'),
  digest: Sha256.describe('Over everything that determines the outputs: checkpoint, size and converter schema'),
  sourceSha256: Sha256.describe('Of the checkpoint'),
  weights: z.enum(['ema', 'model']).describe('Which network of the checkpoint was taken'),
  size: Count.describe('Height and width of a tile in px; of an input that is not a square, the larger of both'),
  shape: z.tuple([Count, Count]).exactOptional().describe('Height and width of an input that is not a square, in px'),
  imgsz: Count.exactOptional().describe('Side of the images that it was trained with, in px'),
  release: z.string().exactOptional().describe('Release of Ultralytics that wrote the checkpoint'),
  hasMasks: z.literal(true).exactOptional().describe('The network also gives masks, which are left out'),
  format: DetectorFormat.default('yolov5').describe('How the output is to be read'),
  nc: Count.describe('Number of classes'),
  classes: z.array(z.string()).describe('Names of the classes, by number'),
  stride: z.array(Count).describe('Of each level of the head in px'),
  rows: Count.describe('Boxes that the head gives for a tile'),
  input: z.string().describe('Name of the input, float32 [1, 3, size, size], RGB in [0, 1]'),
  output: z
    .string()
    .describe(
      'Name of the output, float32; for yolov5 [1, rows, 5 + nc]: centre x, centre y, width, height in px, objectness, classes',
    ),
  anyBatch: z.literal(true).exactOptional().describe('The graph computes the same for each of any number of tiles'),
  file: z.string().describe('ONNX file next to this description'),
  bytes: Count,
  sha256: Sha256.describe('Of the ONNX file'),
  parameters: Count.describe('Elements of the tensors that were used'),
  unused: z.array(z.string()).describe('Tensors that inference does not need'),
});
export type DetectorCard = z.infer<typeof DetectorCard>;

/** Reads the description of a converted detector; undefined if it is missing or of another version. */
export function knownDetectorCard(folder: string): Promise<DetectorCard | undefined> {
  return readJsonIfValid(join(folder, CARD_FILE), DetectorCard);
}

/**
 * Reads the description of a converted detector.
 *
 * @param folder - Output folder of `convertDetector`.
 * @throws ReigniteError MODEL_UNREADABLE if it is missing or invalid.
 */
export async function readDetectorCard(folder: string): Promise<DetectorCard> {
  const path = join(folder, CARD_FILE);
  try {
    return DetectorCard.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (cause) {
    throw new ReigniteError('MODEL_UNREADABLE', `${path} is not the JSON description of a converted detector.`, {
      cause,
    });
  }
}
