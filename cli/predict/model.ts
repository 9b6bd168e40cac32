import { existsSync } from 'node:fs';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { ReigniteError } from '../../toolkit/errors.ts';
import { replaceFile, writeFileAtomic } from '../../toolkit/files/atomic-write.ts';
import { readTextIfThere, refuseStream, statIfThere } from '../../toolkit/files/file-access.ts';
import { describeDetector } from '../../toolkit/models/cell-model.ts';
import { describeOnnxModel } from '../../toolkit/models/describe-onnx.ts';
import { refuseOtherFile } from '../../toolkit/models/identify-file.ts';
import { averageNotes } from '../../toolkit/models/tissue-model.ts';
import { convertModel } from '../../toolkit/nnunet/convert/convert-model.ts';
import { bareWeights } from '../../toolkit/nnunet/convert/find-model-folder.ts';
import { checkpointOfFold, type FoldCheckpoint } from '../../toolkit/nnunet/convert/model-folds.ts';
import { ModelCard } from '../../toolkit/nnunet/model-card.ts';
import { sidecarPath } from '../../toolkit/onnx/custom-model/sidecar.ts';
import { convertDetector, type DetectorSize } from '../../toolkit/yolo/convert/convert-detector.ts';
import { DetectorCard } from '../../toolkit/yolo/detector-card.ts';
import { EXIT, printResult, printStep } from '../output.ts';
import { describeInspected, inspectModel } from './inspect-model.ts';

export interface ConvertedFile {
  readonly onnx: string;
  /** The model JSON, written next to the model as `<name>.json`. */
  readonly card: object;
}

/**
 * Converts one checkpoint to ONNX: a fold of an nnU-Net model (v1: `fold_K/model_best.model`, its `.pkl` next to it;
 * v2: `fold_K/checkpoint_final.pth`, plans.json and dataset.json above it), or a detector of YOLOv5 or Ultralytics.
 *
 * @param size - Side of a detector's tile in px.
 * @throws ReigniteError FILE_MISSING, USAGE for a folder or if a file that reignite did not write would be overwritten,
 *   or what the conversion of either family throws.
 */
async function convertModelFile(
  file: string,
  out: string | undefined,
  size: number | undefined,
): Promise<ConvertedFile> {
  await refuseNoCheckpoint(file);
  const onnx = out ?? `${file.replace(/\.[^./]+$/, '')}.onnx`;
  if (resolve(onnx) === file) {
    throw new ReigniteError('USAGE', `${onnx} would replace the file that is converted.`, {
      remedy: 'Name another file with `--out`.',
    });
  }
  const beside = `${onnx.replace(/\.onnx$/, '')}.json`;
  await refuseSidecarOfUser(beside);
  const work = await mkdtemp(join(tmpdir(), 'reignite-convert-'));
  try {
    const { made, card } = await convertInto(file, work, size);
    await replaceFile(onnx, (temporary) => copyFile(made, temporary));
    await writeFileAtomic(beside, `${JSON.stringify(card, null, 1)}\n`);
    return { onnx, card };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** A converted model in a folder, with its model JSON. */
export interface MadeModel {
  readonly made: string;
  readonly card: object;
}

/**
 * Converts one checkpoint to ONNX in a folder.
 *
 * @param size - Side of a detector's tile in px, or height and width.
 * @throws ReigniteError FILE_MISSING, USAGE for a folder, or what the conversion throws.
 */
export async function convertInto(file: string, work: string, size: DetectorSize | undefined): Promise<MadeModel> {
  await refuseNoCheckpoint(file);
  const fold = checkpointOfFold(file);
  return fold === undefined ? convertOther(file, work, size) : convertFold(file, fold, work);
}

async function refuseNoCheckpoint(file: string): Promise<void> {
  const found = await statIfThere(file);
  if (found === undefined) throw new ReigniteError('FILE_MISSING', `File not found: ${file}.`);
  if (found.isDirectory()) {
    throw new ReigniteError('USAGE', `${file} is a folder.`, {
      remedy:
        'Name the checkpoint of one fold in it, such as fold_0/checkpoint_final.pth. `predict` accepts the whole folder.',
    });
  }
  refuseStream(file, found);
  await refuseOtherFile(file);
}

/** Rejects overwriting a file of that name that is not a model JSON: the user wrote it. */
async function refuseSidecarOfUser(path: string): Promise<void> {
  const text = await readTextIfThere(path);
  if (text === undefined || isCard(text)) return;
  throw new ReigniteError('USAGE', `${path} already exists.`, {
    remedy: 'Name another file with `--out`, or move the existing file.',
  });
}

function isCard(text: string): boolean {
  try {
    const json: unknown = JSON.parse(text);
    return ModelCard.safeParse(json).success || DetectorCard.safeParse(json).success;
  } catch {
    return false;
  }
}

async function convertFold(file: string, { fold, name }: FoldCheckpoint, work: string): Promise<MadeModel> {
  const card = await convertModel({ folder: dirname(dirname(file)), folds: [fold], name, out: work });
  return { made: join(work, card.folds[0]?.file ?? ''), card };
}

/** Converts nnU-Net weights with an unusual name, or a detector. */
async function convertOther(file: string, work: string, size: DetectorSize | undefined): Promise<MadeModel> {
  const bare = await bareWeights(file);
  if (bare === undefined) return convertCells(file, work, size);
  const card = await convertModel({ folder: dirname(file), files: [bare], out: work });
  return { made: join(work, card.folds[0]?.file ?? ''), card };
}

async function convertCells(checkpoint: string, work: string, size: DetectorSize | undefined): Promise<MadeModel> {
  const side = size ?? (await usualSize(checkpoint));
  const card = await convertDetector({ checkpoint, out: work, ...(side === undefined ? {} : { size: side }) });
  return { made: join(work, card.file), card };
}

/** Returns the tile size of a detector: for Ultralytics the training size, for YOLOv5 undefined (the paper's tile). */
async function usualSize(checkpoint: string): Promise<number | undefined> {
  const { family, imgsz, stride } = await describeDetector(checkpoint);
  return family === 'ultralytics' && imgsz !== undefined ? Math.ceil(imgsz / stride) * stride : undefined;
}

export interface InspectOptions {
  readonly json?: boolean;
  /** Whether a dangerous or unreadable file is an error. */
  readonly strict?: boolean;
}

/**
 * `reignite model inspect`: shows the content of a checkpoint, and every name in it. Executes nothing.
 *
 * @returns 1 with `strict` if the file is dangerous or cannot be read as a model.
 */
export async function inspectCommand(file: string, { json, strict = false }: InspectOptions): Promise<number> {
  const model = await inspectModel(resolve(file));
  printResult(json ? JSON.stringify(model, null, 1) : describeInspected(model));
  const isAccepted = model.safe && model.format !== 'other';
  return strict && !isAccepted ? EXIT.error : EXIT.done;
}

export interface ConvertOptions {
  readonly out?: string;
  readonly size?: number;
  readonly json?: boolean;
}

/** `reignite model convert`: converts a checkpoint to ONNX and writes its model JSON. */
export async function convertCommand(file: string, { out, size, json }: ConvertOptions): Promise<number> {
  const { onnx, card } = await convertModelFile(resolve(file), out === undefined ? undefined : resolve(out), size);
  printResult(json ? JSON.stringify({ onnx, card }, null, 1) : onnx);
  if (!json) printStep('A description was written next to it, as JSON.');
  const nnunet = ModelCard.safeParse(card).data;
  for (const note of nnunet === undefined ? [] : averageNotes(nnunet)) printStep(note);
  return EXIT.done;
}

export interface DescribeOptions {
  readonly out?: string;
  readonly json?: boolean;
}

/**
 * `reignite model describe`: writes a draft of a model JSON file, or says which file already describes the model.
 *
 * @throws ReigniteError USAGE for a file that is not ONNX, or if a file would be overwritten.
 */
export async function describeCommand(file: string, { out, json }: DescribeOptions): Promise<number> {
  const path = resolve(file);
  if (!/\.onnx$/i.test(path)) {
    await refuseOtherFile(path);
    throw new ReigniteError('USAGE', `${path} is not an .onnx file.`, {
      remedy: 'Checkpoints describe themselves: `npx reignite model inspect` shows what a checkpoint contains.',
    });
  }
  const description = await describeOnnxModel(path);
  if (description.by !== 'draft') {
    printResult(JSON.stringify(json ? description : description.sidecar, null, 1));
    if (!json) printStep(`${SOURCES[description.by]} ${description.source}; nothing needs to be written.`);
    return EXIT.done;
  }
  const target = out === undefined ? sidecarPath(path) : resolve(out);
  if (existsSync(target)) {
    throw new ReigniteError('USAGE', `${target} already exists.`, { remedy: 'Name another file with `--out`.' });
  }
  await writeFileAtomic(target, `${JSON.stringify(description.sidecar, null, 1)}\n`);
  printResult(json ? JSON.stringify({ ...description, written: target }, null, 1) : target);
  if (json) return EXIT.done;
  printStep('This is a draft. Before you use the model:');
  for (const question of description.unknown) printStep(`  ${question}`);
  return EXIT.done;
}

const SOURCES = {
  card: 'reignite converted the model, see',
  metadata: 'The model describes itself in its metadata:',
  file: 'The model is described by',
} as const;
