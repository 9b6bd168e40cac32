import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ReigniteError } from '../errors.ts';
import { replaceFile, writeFileAtomic } from '../files/atomic-write.ts';
import { sha256OfFile } from '../files/hash-file.ts';
import { statIfThere } from '../files/if-there.ts';
import { importCustomModel } from '../onnx/custom-model/own-model.ts';
import { DetectionSidecar, parseSidecar, readSidecarJson } from '../onnx/custom-model/sidecar.ts';
import { convertDetector, detectorDigest } from '../yolo/convert/convert-detector.ts';
import { CARD_FILE, DetectorCard, knownDetectorCard } from '../yolo/detector-card.ts';
import { isTrainedOnSynthetic } from './synthetic-checkpoints.ts';
import type { PrepareOptions } from './tissue-model.ts';

/** A detector, ready in the home. */
export interface CellModel {
  /** SHA-256 over everything that determines the outputs. */
  readonly digest: string;
  /** Folder of the converted model. */
  readonly modelDir: string;
  /** Names of the classes, by number. */
  readonly classes: readonly string[];
  /** Whether it was trained on synthetic images, as far as its checkpoint is known. */
  readonly synthetic: boolean;
  /** Whether it was there already. */
  readonly cached: boolean;
}

/**
 * Prepares a detector: each distinct YOLOv5 checkpoint is converted once.
 *
 * @param path - YOLOv5 .pt, or an .onnx file with its sidecar.
 * @param models - Folder of converted models.
 * @throws ReigniteError FILE_MISSING, SIDECAR_INVALID, MODEL_UNREADABLE, or what the conversion throws.
 */
export async function prepareCellModel(
  path: string,
  models: string,
  { signal }: Pick<PrepareOptions, 'signal'> = {},
): Promise<CellModel> {
  const found = await statIfThere(path);
  if (found === undefined) throw new ReigniteError('FILE_MISSING', `Model not found: ${path}.`);
  if (found.isDirectory()) {
    throw new ReigniteError('CHECKPOINT_UNSUPPORTED', `${path} is a folder, not a detector.`, {
      remedy: 'Name a YOLOv5 .pt file, or an .onnx file with its JSON file.',
    });
  }
  if (/\.onnx$/i.test(path)) return prepareOnnx(path, models, signal);
  const digest = await detectorDigest(path, undefined, signal);
  const modelDir = join(models, digest);
  const known = await knownDetectorCard(modelDir);
  const card = known ?? (await convertDetector({ checkpoint: path, out: modelDir, ...(signal && { signal }) }));
  return { ...modelOf(card), modelDir, cached: known !== undefined };
}

/** An ONNX file: one that `model convert` wrote, by its card, or any other detector, by its sidecar. */
async function prepareOnnx(path: string, models: string, signal: AbortSignal | undefined): Promise<CellModel> {
  const json = await readSidecarJson(path);
  const converted = DetectorCard.safeParse(json).data;
  if (converted !== undefined) return takeConverted(path, converted, models, signal);
  const { card, folder, cached } = await importCustomModel(
    path,
    parseSidecar(path, json, DetectionSidecar),
    models,
    signal,
  );
  const { sidecar } = card;
  if (sidecar.kind !== 'detection') throw new ReigniteError('SIDECAR_INVALID', `${path} is not a detector.`);
  return {
    digest: card.digest,
    modelDir: folder,
    classes: sidecar.labels,
    synthetic: isTrainedOnSynthetic([card]),
    cached,
  };
}

async function takeConverted(
  path: string,
  card: DetectorCard,
  models: string,
  signal: AbortSignal | undefined,
): Promise<CellModel> {
  if ((await sha256OfFile(path, signal)) !== card.sha256) {
    throw new ReigniteError('SIDECAR_INVALID', `The JSON file next to ${path} describes another model.`);
  }
  const modelDir = join(models, card.digest);
  const known = await knownDetectorCard(modelDir);
  if (known === undefined) {
    await replaceFile(join(modelDir, card.file), (temporary) => copyFile(path, temporary));
    await writeFileAtomic(join(modelDir, CARD_FILE), `${JSON.stringify(card, null, 2)}\n`);
  }
  return { ...modelOf(card), modelDir, cached: known !== undefined };
}

function modelOf(card: DetectorCard): Pick<CellModel, 'digest' | 'classes' | 'synthetic'> {
  return { digest: card.digest, classes: card.classes, synthetic: isTrainedOnSynthetic([card]) };
}
