import { readdir } from 'node:fs/promises';
import { basename, dirname, join, posix } from 'node:path';
import { ReigniteError } from '../../errors.ts';
import { isFile } from '../../files/file-access.ts';
import { openCheckpoint } from '../../pytorch/containers/checkpoint.ts';
import { findStateDict, networkOf } from '../../pytorch/tensors/state-dict.ts';
import type { FoldName } from '../model-card.ts';
import {
  countedFromZero,
  type FoldFiles,
  foldOfFolder,
  foldOfOddFolder,
  holdsFolds,
  weightsAmong,
} from './model-folds.ts';

/** Name of the model folder in the IGNITE record. */
export const RECORD_MODEL_FOLDER = 'nnUNetTrainerV2_BN_pathology_DA_ignore0_hed005__nnUNet_RGB_scaleTo_0_1_bs8_ps512';

/**
 * Finds the nnU-Net model folder, which contains `fold_0` or another fold: the given folder itself, else the one in it
 * with the record's name, else the only one in it with folds.
 *
 * @param folder - `DATA/models/he`, or an nnU-Net folder itself.
 * @throws ReigniteError FILE_MISSING when there is none, or more than one and none has the record's name.
 */
export async function findModelFolder(folder: string): Promise<string> {
  if (await holdsFolds(folder)) return folder;
  const candidates = await modelFolders(folder);
  const chosen = candidates.includes(RECORD_MODEL_FOLDER) ? RECORD_MODEL_FOLDER : candidates[0];
  if (chosen === undefined) {
    throw new ReigniteError(
      'FILE_MISSING',
      `${folder} contains no nnU-Net model: no folder named fold_0 or all was found in it.`,
    );
  }
  if (candidates.length > 1 && chosen !== RECORD_MODEL_FOLDER) {
    throw new ReigniteError('FILE_MISSING', `${folder} contains several nnU-Net models: ${candidates.join(', ')}.`, {
      remedy: 'Name the model folder itself.',
    });
  }
  return join(folder, chosen);
}

/** Returns the folders with folds, relative to the given folder: those directly in it or, if there are none, one level below. */
async function modelFolders(folder: string): Promise<readonly string[]> {
  const names = await subfolders(folder);
  const found = await withFolds(folder, names);
  if (found.length > 0) return found;
  const deeper = await Promise.all(
    names.map(async (name) => (await subfolders(join(folder, name))).map((inner) => join(name, inner))),
  );
  return withFolds(folder, deeper.flat());
}

async function withFolds(folder: string, names: readonly string[]): Promise<readonly string[]> {
  const held = await Promise.all(names.map((name) => holdsFolds(join(folder, name))));
  return names.filter((_, index) => held[index]);
}

/** Lists a folder, without what archive tools leave behind on some systems (`__MACOSX`, hidden folders). */
async function subfolders(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder).catch(() => []);
  return names.filter((name) => !name.startsWith('.') && name !== '__MACOSX').sort();
}

/** The folder of each fold of a model. */
type FoldFolders = ReadonlyMap<FoldName, string>;

/**
 * Finds the nnU-Net v1 models among paths, as `findModelFolder` and `findFolds` find them on disk.
 *
 * @param paths - File paths, separated by `/`.
 * @returns The folds of each model, by model folder.
 */
export function foldsInPaths(paths: readonly string[]): ReadonlyMap<string, FoldFolders> {
  const files = new Map<string, string[]>();
  for (const path of paths) {
    const folder = posix.dirname(path);
    files.set(folder, [...(files.get(folder) ?? []), posix.basename(path)]);
  }
  const usual = modelsOf([...files.keys()], foldOfFolder);
  if (usual.size > 0) return usual;
  const withWeights = [...files].filter(([, names]) => weightsAmong(names).length > 0).map(([folder]) => folder);
  const odd = modelsOf(withWeights, foldOfOddFolder);
  return new Map([...odd].map(([model, folds]) => [model, countedFromZero(folds)]));
}

function modelsOf(folders: readonly string[], foldOf: (name: string) => FoldName | undefined) {
  const models = new Map<string, Map<FoldName, string>>();
  for (const folder of folders) {
    const fold = foldOf(posix.basename(folder));
    if (fold === undefined) continue;
    const model = posix.dirname(folder);
    models.set(model, (models.get(model) ?? new Map<FoldName, string>()).set(fold, folder));
  }
  return models;
}

/**
 * Finds the plans of nnU-Net weights in a file with any name, including safetensors files: `plans.json` and
 * `dataset.json` next to it or one folder above (v2), or `<file>.pkl` (v1).
 *
 * @returns Undefined if the file contains no named weights, or those of another network.
 * @throws ReigniteError FOLD_MISSING if the plans are missing; or what opening the checkpoint throws.
 */
export async function bareWeights(path: string): Promise<FoldFiles | undefined> {
  const network = await networkIn(path);
  if (network === undefined || !network.startsWith('an nnU-Net')) return undefined;
  const fold = foldOfFolder(basename(dirname(path))) ?? 'all';
  if (network === 'an nnU-Net v1 network') {
    const plans = `${path}.pkl`;
    if (await isFile(plans)) return { fold, checkpoint: path, plans };
    throw plansMissing(
      path,
      network,
      `Put the model_best.model.pkl of its training next to it, as ${basename(plans)}.`,
    );
  }
  for (const folder of [dirname(path), dirname(dirname(path))]) {
    const [plans, dataset] = [join(folder, 'plans.json'), join(folder, 'dataset.json')];
    if ((await isFile(plans)) && (await isFile(dataset))) return { fold, checkpoint: path, plans, dataset };
  }
  throw plansMissing(path, network, 'Put plans.json and dataset.json of its training next to it.');
}

/**
 * Returns the network whose weights a checkpoint contains by name.
 *
 * @returns Its name with an article; undefined if there are no named weights or their network is unknown.
 * @throws ReigniteError What opening the checkpoint throws.
 * @example await networkIn('weights.safetensors') // 'an nnU-Net v2 network'
 */
export async function networkIn(path: string): Promise<string | undefined> {
  const checkpoint = await openCheckpoint(path);
  try {
    const weights = findStateDict(checkpoint.root);
    return weights === undefined ? undefined : networkOf(weights);
  } finally {
    await checkpoint.close();
  }
}

function plansMissing(path: string, network: string, remedy: string): ReigniteError {
  return new ReigniteError('FOLD_MISSING', `${path} holds weights of ${network}, without its plans.`, { remedy });
}
