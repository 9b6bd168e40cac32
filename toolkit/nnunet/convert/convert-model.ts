import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ReigniteError } from '../../errors.ts';
import { sweepTemporaries, writeFileAtomic } from '../../files/atomic-write.ts';
import { makeFolder } from '../../files/folders.ts';
import { sha256Of, sha256OfFile } from '../../files/hash-file.ts';
import { writeModel } from '../../onnx/file/model-file.ts';
import { openCheckpoint } from '../../pytorch/containers/checkpoint.ts';
import { averageBeside } from '../../pytorch/tensors/state-dict.ts';
import { CARD_FILE, type FoldName, ModelCard, readModelCard } from '../model-card.ts';
import { v1Recipe, v1Schemas } from '../v1/recipe.ts';
import { V2_CONVERTER_SCHEMA, v2Recipe } from '../v2/recipe.ts';
import { type CheckpointName, type FoldFiles, findFolds } from './model-folds.ts';
import { type ModelRecipe, StateDictTracker } from './state-dict.ts';

/** Files that a conversion writes. */
const CONVERTED = /^(?:fold_(?:\d+|all)\.onnx|model\.json)$/;

/** What is converted, and where to. */
export interface ConvertModelOptions {
  /** nnU-Net folder, with `fold_0/model_best.model` (v1) or `fold_0/checkpoint_final.pth` (v2) and so on. */
  readonly folder: string;
  /** Folds in the order in which they are averaged. @default 0 to 4 */
  readonly folds?: readonly FoldName[];
  /** Files to convert, in place of `folder`, `folds` and `name`, for weights with other file names. */
  readonly files?: readonly [FoldFiles, ...FoldFiles[]];
  /** Which weights of a fold. @default `model_best` */
  readonly name?: CheckpointName;
  /**
   * Whether mirrored copies of each tile are predicted too, along the mirror axes of the training.
   * @default false
   */
  readonly mirroring?: boolean;
  /** Folder for `fold_<k>.onnx` and `model.json`; created if missing. */
  readonly out: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: ConvertProgress) => void;
}

export interface ConvertProgress {
  readonly step: 'hash' | 'convert';
  /** Folds done in this step. */
  readonly done: number;
  readonly total: number;
}

/**
 * Converts an nnU-Net 2D model of version 1 or 2 to ONNX: one file per fold, and a description in `model.json`.
 *
 * Equal sources give equal bytes. The description is written last, so an interrupted conversion can be repeated. An
 * existing, matching conversion is verified and kept.
 *
 * The plans of the first fold apply to all folds, as in nnU-Net's loader. The parameters of a fold with another
 * architecture do not fit them, which is an error.
 *
 * @throws ReigniteError FOLD_MISSING, PLANS_INVALID, PARAMETER_MISSING, PARAMETER_UNKNOWN, CHECKPOINT_CORRUPT,
 *   CHECKPOINT_UNSAFE, CHECKPOINT_UNSUPPORTED, NO_SPACE or NOT_WRITABLE; `model.json` is then absent.
 * @example await convertModel({ folder: 'models/he', out: 'onnx/he' });
 */
export async function convertModel(options: ConvertModelOptions): Promise<ModelCard> {
  const { folder, out, mirroring = false, signal, onProgress } = options;
  const folds = options.files ?? (await findFolds(folder, options.folds, options.name));
  const total = folds.length;
  const sources = await hashSources(folds, { mirroring }, signal, (done) =>
    onProgress?.({ step: 'hash', done, total }),
  );
  const present = await presentConversion(out, sources.digest, signal);
  if (present !== undefined) return present;

  const recipe = await (folds[0].dataset === undefined ? v1Recipe(folds[0], mirroring) : v2Recipe(folds[0], mirroring));
  await makeFolder(out);
  await sweepTemporaries(out, { of: (name) => CONVERTED.test(name) });
  await rm(join(out, CARD_FILE), { force: true });
  const converted: ModelCard['folds'] = [];
  for (const [index, fold] of folds.entries()) {
    const sourceSha256 = sources.checkpointSha256[index] ?? '';
    converted.push({ ...(await convertFold(fold, recipe, out, signal)), sourceSha256 });
    onProgress?.({ step: 'convert', done: converted.length, total });
  }
  const card = describe(recipe, sources, converted);
  await writeFileAtomic(join(out, CARD_FILE), `${JSON.stringify(card, null, 2)}\n`);
  return card;
}

/** Number of models that `torch.optim.swa_utils.AveragedModel` averaged, which it stores with the weights. */
const AVERAGED_MODELS = 'n_averaged';

type ConvertedFold = Omit<ModelCard['folds'][number], 'sourceSha256'>;

async function convertFold(
  { fold, checkpoint: path }: FoldFiles,
  recipe: ModelRecipe,
  out: string,
  signal: AbortSignal | undefined,
): Promise<ConvertedFold> {
  signal?.throwIfAborted();
  const checkpoint = await openCheckpoint(path);
  try {
    const { tensors, parallelPrefix } = await recipe.weights(checkpoint, path);
    const tracker = new StateDictTracker(tensors, path);
    tracker.setAsideIfPresent(AVERAGED_MODELS, []);
    const graph = recipe.graph(tracker);
    tracker.close();
    const file = `fold_${fold}.onnx`;
    const { bytes, sha256 } = await writeModel(join(out, file), graph, signal);
    const { parameters, unused } = tracker;
    const average = averageBeside(checkpoint.root);
    return {
      ...{ fold, file, bytes, sha256, parameters, parallelPrefix, unused: [...unused] },
      ...(average !== undefined && { average }),
    };
  } finally {
    await checkpoint.close();
  }
}

/** Returns the description of an existing, undamaged conversion of the same sources. */
async function presentConversion(out: string, digest: string, signal?: AbortSignal): Promise<ModelCard | undefined> {
  try {
    const card = await readModelCard(out);
    if (card.digest !== digest) return undefined;
    for (const { file, sha256 } of card.folds) {
      if ((await sha256OfFile(join(out, file), signal)) !== sha256) return undefined;
    }
    return card;
  } catch (error) {
    if (error instanceof ReigniteError) return undefined;
    throw error;
  }
}

function describe({ card }: ModelRecipe, sources: ModelSources, folds: ModelCard['folds']): ModelCard {
  const { digest, plansSha256, datasetSha256 } = sources;
  const { kind, converterSchema, ...rest } = card;
  return ModelCard.parse({
    kind,
    converterSchema,
    digest,
    ...rest,
    plansSha256,
    ...(datasetSha256 !== undefined && { datasetSha256 }),
    folds,
  });
}

/** What a converted model was made from. */
interface ModelSources {
  /** SHA-256 over everything that determines the outputs, lower-case hex. */
  readonly digest: string;
  /** SHA-256 of the first fold's plans. */
  readonly plansSha256: string;
  /** SHA-256 of `dataset.json`; only for nnU-Net v2. */
  readonly datasetSha256?: string;
  /** SHA-256 of each fold's checkpoint, in the order of the folds. */
  readonly checkpointSha256: readonly string[];
}

/**
 * Computes the digest of a model from its source files, without converting it, for use in cache keys.
 *
 * @param folder - Holds `fold_0` and so on.
 * @param folds - In the order in which they are averaged. Default: the paper's five.
 * @param mirroring - See `hashSources`. Default: no.
 * @returns The same digest that `convertModel` writes into its description.
 * @throws ReigniteError FOLD_MISSING.
 */
export async function modelDigest(
  folder: string,
  folds?: readonly FoldName[],
  signal?: AbortSignal,
  name?: CheckpointName,
  mirroring?: boolean,
): Promise<string> {
  const { digest } = await hashSources(await findFolds(folder, folds, name), { mirroring: mirroring ?? false }, signal);
  return digest;
}

/**
 * Hashes the source files of a model.
 *
 * @param choice - `mirroring`: whether mirrored copies of each tile are predicted too. It changes the digest.
 * @param onFile - Called after each checkpoint with the number done so far.
 */
export async function hashSources(
  folds: readonly [FoldFiles, ...FoldFiles[]],
  { mirroring }: { readonly mirroring: boolean },
  signal?: AbortSignal,
  onFile?: (done: number) => void,
): Promise<ModelSources> {
  const plansSha256 = await sha256OfFile(folds[0].plans, signal);
  const checkpointSha256: string[] = [];
  for (const { checkpoint } of folds) {
    checkpointSha256.push(await sha256OfFile(checkpoint, signal));
    onFile?.(checkpointSha256.length);
  }
  if (folds[0].dataset === undefined) {
    const head = `nnunet-v1-2d ${await v1Schemas(folds[0])}${mirroring ? ' mirrored' : ''}`;
    const lines = [head, plansSha256, ...checkpointSha256];
    return { digest: sha256Of(lines.join('\n')), plansSha256, checkpointSha256 };
  }
  const datasetSha256 = await sha256OfFile(folds[0].dataset, signal);
  const head = [`nnunet-v2-2d ${V2_CONVERTER_SCHEMA}${mirroring ? ' mirrored' : ''}`, plansSha256, datasetSha256];
  return { digest: sha256Of([...head, ...checkpointSha256].join('\n')), plansSha256, datasetSha256, checkpointSha256 };
}
