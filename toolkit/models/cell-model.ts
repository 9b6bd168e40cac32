import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ReigniteError } from '../errors.ts';
import { convertDetector, detectorDigest, readDetectorCard } from '../yolov5/convert-detector.ts';
import type { PrepareOptions } from './tissue-model.ts';

/** A detector, ready in the home. */
export interface CellModel {
  /** SHA-256 over everything that determines the outputs. */
  readonly digest: string;
  /** Folder of the converted model. */
  readonly modelDir: string;
  /** Names of the classes, by number. */
  readonly classes: readonly string[];
  /** Whether it was there already. */
  readonly cached: boolean;
}

/**
 * Makes a detector of anybody's ready: a YOLOv5 checkpoint is converted once for every content.
 *
 * @param path - YOLOv5 .pt.
 * @param models - Folder of converted models.
 * @throws ReigniteError FILE_MISSING, or what the conversion throws.
 */
export async function prepareCellModel(
  path: string,
  models: string,
  { signal }: Pick<PrepareOptions, 'signal'> = {},
): Promise<CellModel> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) throw new ReigniteError('FILE_MISSING', `There is no model ${path}.`);
  if (found.isDirectory()) {
    throw new ReigniteError('CHECKPOINT_UNSUPPORTED', `${path} is a folder and no detector.`, {
      remedy: 'Name a YOLOv5 .pt file, or an .onnx file with its sidecar.',
    });
  }
  const digest = await detectorDigest(path, undefined, signal);
  const modelDir = join(models, digest);
  const known = await readDetectorCard(modelDir).catch(() => undefined);
  const { classes } = known ?? (await convertDetector({ checkpoint: path, out: modelDir, ...(signal && { signal }) }));
  return { digest, modelDir, classes, cached: known !== undefined };
}
