import { basename, dirname, join } from 'node:path';
import { ReigniteError } from '../errors.ts';
import { copyChangingFile, replaceFile, writeFileAtomic } from '../files/atomic-write.ts';
import { statIfThere } from '../files/file-access.ts';
import { sha256OfFile } from '../files/hash-file.ts';
import { type ConvertProgress, convertModel, hashSources, modelDigest } from '../nnunet/convert/convert-model.ts';
import { bareWeights, findModelFolder } from '../nnunet/convert/find-model-folder.ts';
import {
  type ChosenFolds,
  checkpointOfFold,
  chooseFolds,
  describeFolds,
  type FoldFiles,
  foldOfFolder,
  holdsFolds,
} from '../nnunet/convert/model-folds.ts';
import { CARD_FILE, type FoldName, knownModelCard, ModelCard, methodOf, mirrorAxesOf } from '../nnunet/model-card.ts';
import { PAPER_TRAINER, v1MirrorAxes } from '../nnunet/v1/recipe.ts';
import { importCustomModel } from '../onnx/custom-model/custom-model.ts';
import { findSidecar, requireSidecar } from '../onnx/custom-model/find-sidecar.ts';
import { channelsRead } from '../onnx/custom-model/image-spec.ts';
import {
  hasSigmoid,
  labelValues,
  parseSidecar,
  refuseOtherKind,
  SegmentationSidecar,
} from '../onnx/custom-model/sidecar.ts';
import { exportedDetector } from '../onnx/exported-detector.ts';
import { describeModel } from '../onnx/file/describe-model.ts';
import type { NamedValue } from './class-colours.ts';
import { isTrainedOnSynthetic, refuseNotOnnx, refuseOtherFile } from './identify-file.ts';

/** Where an nnU-Net model comes from. */
export interface NnunetFacts {
  readonly version: 1 | 2;
  readonly trainer: string;
  /** Name and configuration of the plans; only for version 2. */
  readonly plans?: string;
  /** Axes along which mirrored copies of each tile are predicted too: 0 rows, 1 columns. */
  readonly mirrorAxes: readonly number[];
}

/** A segmentation model, ready in the state directory. */
export interface TissueModel {
  /** SHA-256 over everything that determines the outputs. */
  readonly digest: string;
  /** Folder of the converted model. */
  readonly modelDir: string;
  /** Number of values in a mask, which start at 0. */
  readonly classes: number;
  /** Channels of its input: 1 for grey, 3 for RGB, 2 or 4 as stored in the image. */
  readonly channels: number;
  /** Its folds in the order in which they are averaged; empty for other networks. */
  readonly folds: readonly FoldName[];
  /** Names of the classes, if the model has them. */
  readonly labels?: readonly NamedValue[];
  /** What else users of its predictions should know, one sentence each. */
  readonly notes?: readonly string[];
  /** Origin of an nnU-Net model; missing for other models. */
  readonly nnunet?: NnunetFacts;
  /** Whether it was trained on synthetic images, according to its checkpoints. */
  readonly synthetic: boolean;
  /** Whether it was already prepared. */
  readonly cached: boolean;
}

export interface PrepareOptions {
  /** Only these folds of an nnU-Net folder. Default: all of them, which must then be complete. */
  readonly folds?: readonly FoldName[] | undefined;
  /**
   * Whether mirrored copies of each tile are predicted too, along the mirror axes of the training.
   * Default: no.
   */
  readonly mirroring?: boolean | undefined;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: ConvertProgress) => void;
}

/**
 * Prepares a segmentation model. An nnU-Net folder of version 1 or 2 is converted only once per content.
 *
 * @param path - Folder with `fold_0` and so on, one of these folds, a file with nnU-Net weights, or an .onnx file with
 *   its model JSON.
 * @param models - Folder of converted models.
 * @throws ReigniteError FILE_MISSING, FOLD_MISSING, SIDECAR_INVALID, MODEL_UNREADABLE, or what the conversion throws.
 */
export async function prepareTissueModel(
  path: string,
  models: string,
  { folds, mirroring = false, signal, onProgress }: PrepareOptions = {},
): Promise<TissueModel> {
  if (/\.onnx$/i.test(path)) {
    refuseForOnnx(path, folds, mirroring);
    return prepareOnnx(path, models, signal);
  }
  const bare = await bareFile(path, folds);
  if (bare !== undefined) return prepareBare(bare, models, mirroring, signal);
  const { absent, ...source } = await sourceOf(path, folds);
  const digest = await modelDigest(source.folder, source.folds, signal, source.name, mirroring);
  const modelDir = join(models, digest);
  const known = await knownModelCard(modelDir);
  const card =
    known ??
    (await convertModel({
      ...source,
      mirroring,
      out: modelDir,
      ...(signal && { signal }),
      ...(onProgress && { onProgress }),
    }));
  return {
    ...converted(card, modelDir),
    folds: source.folds,
    notes: [...absentNote(path, absent), ...notesOf(card)],
    cached: known !== undefined,
  };
}

function refuseForOnnx(path: string, folds: readonly FoldName[] | undefined, mirroring: boolean): void {
  if (folds !== undefined)
    throw new ReigniteError('USAGE', `${path} has no folds.`, { remedy: 'Leave out `--folds` or `he.folds`.' });
  if (!mirroring) return;
  throw new ReigniteError('USAGE', `${path} is an ONNX file, whose tiles cannot be mirrored.`, {
    remedy: 'Leave out `--mirroring` or `he.mirroring`, or use the nnU-Net folder that the file was converted from.',
  });
}

/** Finds the plans of a file of nnU-Net weights with a name that nnU-Net does not use. */
async function bareFile(path: string, folds: readonly FoldName[] | undefined): Promise<FoldFiles | undefined> {
  const found = await statIfThere(path);
  if (found?.isFile() !== true || checkpointOfFold(path) !== undefined) return undefined;
  await refuseOtherFile(path);
  const bare = await bareWeights(path);
  if (bare === undefined || folds === undefined) return bare;
  throw new ReigniteError('USAGE', `${path} has no folds.`, { remedy: 'Leave out `--folds` or `he.folds`.' });
}

async function prepareBare(
  bare: FoldFiles,
  models: string,
  mirroring: boolean,
  signal: AbortSignal | undefined,
): Promise<TissueModel> {
  // Of nnU-Net v1, the name of the trainer says it.
  if (mirroring && bare.dataset !== undefined) {
    throw new ReigniteError('USAGE', `${bare.checkpoint} does not record the mirroring axes of its training.`, {
      remedy: 'Leave out `--mirroring` or `he.mirroring`, or use the checkpoint that nnU-Net wrote.',
    });
  }
  const { digest } = await hashSources([bare], { mirroring }, signal);
  const modelDir = join(models, digest);
  const known = await knownModelCard(modelDir);
  const source = { folder: dirname(bare.checkpoint), files: [bare], mirroring, out: modelDir } as const;
  const card = known ?? (await convertModel({ ...source, ...(signal && { signal }) }));
  return { ...converted(card, modelDir), folds: [bare.fold], notes: notesOf(card), cached: known !== undefined };
}

type Converted = Pick<TissueModel, 'digest' | 'modelDir' | 'classes' | 'channels' | 'labels' | 'nnunet' | 'synthetic'>;

function converted(card: ModelCard, modelDir: string): Converted {
  const { digest, folds, trainer, v2 } = card;
  const synthetic = isTrainedOnSynthetic(folds);
  const channels = methodOf(card).normalisation.length;
  if (v2 === undefined) {
    const nnunet = { version: 1, trainer, mirrorAxes: mirrorAxesOf(card) } as const;
    return { digest, modelDir, classes: card.classes, channels, nnunet, synthetic };
  }
  const { labels, plans, configuration, mirrorAxes } = v2;
  const classes = Math.max(...labels.map(({ value }) => value)) + 1;
  const nnunet = { version: 2, trainer, plans: `${plans} ${configuration}`, mirrorAxes } as const;
  return { digest, modelDir, classes, channels, labels, nnunet, synthetic };
}

/** nnU-Net v2 uses the folds that exist; the user may not know that some are missing. */
function absentNote(path: string, absent: readonly FoldName[]): readonly string[] {
  if (absent.length === 0) return [];
  return [`${path} has no ${describeFolds(absent)}; the ensemble uses the others, as in nnU-Net v2.`];
}

function notesOf(card: ModelCard): readonly string[] {
  return [...averageNotes(card), ...methodNotes(card)];
}

/** Names moving averages that checkpoints have next to the weights that are used. */
export function averageNotes({ folds }: Pick<ModelCard, 'folds'>): readonly string[] {
  const keys = new Set(folds.flatMap(({ average }) => average ?? []));
  if (keys.size === 0) return [];
  return [
    `The checkpoint also has a moving average of the weights under ${[...keys].join(', ')}, which is not used, as in nnU-Net.`,
  ];
}

function methodNotes({ trainer, v2, ...card }: ModelCard): readonly string[] {
  if (v2 === undefined) {
    if (card.mirrorAxes !== undefined || PAPER_TRAINER.test(trainer)) return [];
    return unmirroredNote('nnUNet_predict', v1MirrorAxes(trainer));
  }
  const sums = 'nnU-Net v2 sums tiles in half precision, reignite in float32: near ties may differ.';
  return [sums, ...(v2.mirrorAxes.length > 0 ? [] : unmirroredNote('nnUNetv2_predict', v2.mirrorAxesAllowed))];
}

/** nnU-Net's own command predicts mirrored tiles too, so that its masks differ. */
function unmirroredNote(command: string, { length }: readonly number[]): readonly string[] {
  if (length === 0) return [];
  return [
    `Tiles were not mirrored; ${command} mirrors by default. ` +
      `With a model folder, --mirroring does the same and takes ${2 ** length} times as long.`,
  ];
}

/** Prepares an ONNX file: a fold that `model convert` wrote, or any other model with a model JSON. */
async function prepareOnnx(path: string, models: string, signal: AbortSignal | undefined): Promise<TissueModel> {
  await refuseNotOnnx(path);
  const found = await findSidecar(path);
  if (found === undefined) refuseDetector(path);
  const { path: source, json } = found ?? (await requireSidecar(path));
  refuseOtherKind(source, json, 'segmentation');
  const convertedCard = ModelCard.safeParse(json).data;
  if (convertedCard !== undefined) return takeConverted(path, convertedCard, models, signal);
  const { card, folder, cached } = await importCustomModel(
    path,
    { sidecar: parseSidecar(source, json, SegmentationSidecar), source },
    models,
    signal,
  );
  const { sidecar } = card;
  if (sidecar.kind !== 'segmentation')
    throw new ReigniteError('SIDECAR_INVALID', `${path} is not a segmentation model.`);
  const values = labelValues(sidecar);
  const labels = sidecar.labels.map(({ name, colour }, channel) => ({
    name,
    colour,
    value: values[channel] ?? channel,
  }));
  return {
    digest: card.digest,
    modelDir: folder,
    classes: Math.max(...values) + 1,
    channels: channelsRead(card.image.channels),
    folds: [],
    // The background of sigmoids has no channel but needs a name.
    labels: hasSigmoid(sidecar) ? [BACKGROUND, ...labels] : labels,
    synthetic: isTrainedOnSynthetic([card]),
    cached,
  };
}

/** @throws ReigniteError SIDECAR_INVALID for an export of YOLO, which describes itself. */
function refuseDetector(path: string): void {
  const detector = exportedDetector(path, describeModel(path));
  if (detector === undefined) return;
  throw new ReigniteError(
    'SIDECAR_INVALID',
    `${path} is a detector (${detector.labels.slice(0, 5).join(', ')}), not a segmentation model.`,
    {
      remedy: 'Use it for the task `nuclei` or `pdl1`.',
    },
  );
}

const BACKGROUND: NamedValue = { value: 0, name: 'background' };

async function takeConverted(
  path: string,
  card: ModelCard,
  models: string,
  signal: AbortSignal | undefined,
): Promise<TissueModel> {
  const [fold, ...others] = card.folds;
  if (fold === undefined || others.length > 0 || (await sha256OfFile(path, signal)) !== fold.sha256) {
    throw new ReigniteError('SIDECAR_INVALID', `The JSON file next to ${path} describes another model.`, {
      remedy: 'Run `npx reignite model convert` again: it writes both files.',
    });
  }
  refuseEarlierNorms(path, card);
  const modelDir = join(models, card.digest);
  const known = await knownModelCard(modelDir);
  if (known === undefined) {
    await replaceFile(join(modelDir, fold.file), (temporary) => copyChangingFile(path, temporary));
    await writeFileAtomic(join(modelDir, CARD_FILE), `${JSON.stringify(card, null, 2)}\n`);
  }
  return { ...converted(card, modelDir), folds: [fold.fold], notes: notesOf(card), cached: known !== undefined };
}

/** Refuses files whose results would differ from those that the cache has under the same digest. */
function refuseEarlierNorms(path: string, { normSums }: ModelCard): void {
  if (normSums !== undefined || describeModel(path).operators['InstanceNormalization'] === undefined) return;
  throw new ReigniteError('SIDECAR_INVALID', `${path} was converted by an earlier version of reignite.`, {
    remedy: 'Run `npx reignite model convert` again: it writes both files.',
  });
}

interface FoldsSource extends ChosenFolds {
  readonly folder: string;
}

/** Chooses folder and folds of a model. A single fold is a model, too. */
async function sourceOf(path: string, asked: readonly FoldName[] | undefined): Promise<FoldsSource> {
  const found = await statIfThere(path);
  if (found === undefined) throw new ReigniteError('FILE_MISSING', `Model not found: ${path}.`);
  if (!found.isDirectory()) {
    const fold = checkpointOfFold(path);
    if (fold !== undefined) {
      throw new ReigniteError('CHECKPOINT_UNSUPPORTED', `${path} is the checkpoint of one fold of an nnU-Net model.`, {
        remedy: `Name the folder of the model, ${dirname(dirname(path))}, or of the fold, ${dirname(path)}.`,
      });
    }
    throw new ReigniteError('CHECKPOINT_UNSUPPORTED', `${path} is not a segmentation model.`, {
      remedy: 'Name an nnU-Net folder (the one with fold_0), or an .onnx file with its JSON file.',
    });
  }
  const fold = foldOfFolder(basename(path));
  if (fold === undefined || (await holdsFolds(path))) {
    const folder = await findModelFolder(path);
    return { folder, ...(await chooseFolds(folder, asked)) };
  }
  if (asked !== undefined) {
    throw new ReigniteError('USAGE', `${path} is a single fold.`, {
      remedy: 'Leave out `--folds` or `he.folds`, or name the folder of the model.',
    });
  }
  return { folder: dirname(path), ...(await chooseFolds(dirname(path), [fold])) };
}
