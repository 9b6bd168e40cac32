import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ReigniteError } from '../../errors.ts';
import { isFile, statIfThere } from '../../files/file-access.ts';
import type { FoldName } from '../model-card.ts';

/** The folds of the paper's ensemble, in the order in which their softmax is summed. */
export const PAPER_FOLDS: readonly FoldName[] = [0, 1, 2, 3, 4];

/** File names of nnU-Net v1 weights: the best in validation, the last of the training. */
const V1_CHECKPOINTS = ['model_best', 'model_final_checkpoint'] as const;
/** The same for nnU-Net v2, which predicts with the last of the training. */
const V2_CHECKPOINTS = ['checkpoint_final', 'checkpoint_best'] as const;
export type CheckpointName = (typeof V1_CHECKPOINTS)[number] | (typeof V2_CHECKPOINTS)[number];

const V2_PLANS = 'plans.json';

/** Returns whether nnU-Net v2 writes weights with this name. */
export function isV2(name: CheckpointName): boolean {
  return V2_CHECKPOINTS.some((each) => each === name);
}

/** Files of one fold of an nnU-Net model. */
export interface FoldFiles {
  readonly fold: FoldName;
  /** Weights. */
  readonly checkpoint: string;
  /** Plans. In nnU-Net v1 one file per fold, which also names the trainer; in v2 one file for all folds. */
  readonly plans: string;
  /** Labels and channels; only nnU-Net v2 has this file. */
  readonly dataset?: string;
}

/** The folds of a model that are used. */
export interface ChosenFolds {
  /** In the order in which they are averaged. */
  readonly folds: readonly FoldName[];
  readonly name: CheckpointName;
  /** Numbers below the highest fold that are missing. Only for nnU-Net v2, which uses the folds that exist. */
  readonly absent: readonly FoldName[];
}

/** Returns the fold that a folder name means; undefined for other folders. nnU-Net v1 writes `all`, v2 `fold_all`. */
export function foldOfFolder(name: string): FoldName | undefined {
  if (name === 'all' || name === 'fold_all') return 'all';
  const digits = /^fold_(\d+)$/.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** The fold and the kind of weights in a file, according to its path. */
export interface FoldCheckpoint {
  readonly fold: FoldName;
  readonly name: CheckpointName;
}

/** Returns the fold and the kind of weights in a file, from its name and that of its folder; undefined for other files. */
export function checkpointOfFold(path: string): FoldCheckpoint | undefined {
  const fold = foldOfFolder(basename(dirname(path)));
  const name = [...V1_CHECKPOINTS, ...V2_CHECKPOINTS].find((each) => basename(path) === fileOf(each));
  return fold === undefined || name === undefined ? undefined : { fold, name };
}

function fileOf(name: CheckpointName): string {
  return isV2(name) ? `${name}.pth` : `${name}.model`;
}

/** Returns whether a folder contains the folder of any fold. */
export async function holdsFolds(folder: string): Promise<boolean> {
  return (await foldFolders(folder)).size > 0;
}

/**
 * Finds the weights and the plans of the requested folds.
 *
 * @param folder - Holds `fold_0`, `fold_1` and so on.
 * @returns At least one fold, in the requested order.
 * @throws ReigniteError FOLD_MISSING naming what does not exist.
 */
export async function findFolds(
  folder: string,
  folds: readonly FoldName[] = PAPER_FOLDS,
  name: CheckpointName = 'model_best',
): Promise<readonly [FoldFiles, ...FoldFiles[]]> {
  const folders = await foldFolders(folder);
  const [first, ...others] = await Promise.all(
    folds.map((fold) => foldFiles(folders.get(fold) ?? folderOf(folder, fold), fold, name)),
  );
  if (first === undefined) throw new RangeError('Expected at least one fold');
  for (const files of [first, ...others]) await requireFiles(files);
  return [first, ...others];
}

/**
 * Chooses the folds of a model: the requested ones, else all folds in the folder. All chosen folds must be complete.
 * Without a request, no number may be missing in nnU-Net v1. As in nnU-Net, `all` is used only if it is requested or is
 * the only fold.
 *
 * Uses the first name under which every fold has weights: `model_best` before `model_final_checkpoint`,
 * `checkpoint_final` before `checkpoint_best`.
 *
 * @param folder - Holds `fold_0` and so on.
 * @throws ReigniteError FOLD_MISSING naming what is missing and what exists.
 */
export async function chooseFolds(folder: string, asked?: readonly FoldName[]): Promise<ChosenFolds> {
  const found = sorted([...(await foldFolders(folder)).keys()]);
  if (found.length === 0) {
    throw new ReigniteError('FOLD_MISSING', `${folder} contains no folder named fold_0 or all with an nnU-Net model.`, {
      remedy: 'Name the folder of an nnU-Net model, the one with fold_0.',
    });
  }
  const names = await checkpointNames(folder, found);
  const { folds, absent } =
    asked === undefined ? allFolds(folder, found, names) : { folds: distinct(asked), absent: [] };
  for (const name of names) {
    if (await isComplete(folder, folds, name)) return { folds, name, absent };
  }
  throw await missingFile(folder, folds, names, asked === undefined);
}

/** Formats folds for a message: `folds 0, 1, 3 and 4`. */
export function describeFolds(folds: readonly FoldName[]): string {
  const names = folds.map(String);
  if (names.length < 2) return `fold ${names.join()}`;
  return `folds ${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

function distinct(folds: readonly FoldName[]): readonly FoldName[] {
  return sorted([...new Set(folds)]);
}

/** Returns the file names to look for in a folder: those of nnU-Net v2 if it contains plans.json or a file with such a name. */
async function checkpointNames(folder: string, found: readonly FoldName[]): Promise<readonly CheckpointName[]> {
  if (await isFile(join(folder, V2_PLANS))) return V2_CHECKPOINTS;
  const folders = await foldFolders(folder);
  for (const fold of found) {
    for (const name of V2_CHECKPOINTS) {
      if (await isFile(join(folders.get(fold) ?? folder, fileOf(name)))) return V2_CHECKPOINTS;
    }
  }
  return V1_CHECKPOINTS;
}

function allFolds(
  folder: string,
  found: readonly FoldName[],
  names: readonly CheckpointName[],
): Pick<ChosenFolds, 'folds' | 'absent'> {
  const numbered = found.filter((fold) => fold !== 'all');
  if (numbered.length === 0) return { folds: found, absent: [] };
  const missing = Array.from({ length: Math.max(...numbered) }, (_, fold) => fold).filter(
    (fold) => !numbered.includes(fold),
  );
  if (missing.length === 0 || names.some(isV2)) return { folds: numbered, absent: missing };
  throw new ReigniteError(
    'FOLD_MISSING',
    `${folder} has ${describeFolds(numbered)}; ${describeFolds(missing)} ${missing.length === 1 ? 'is' : 'are'} missing.`,
    { remedy: toUseOnly(numbered, 'Download the model again') },
  );
}

async function isComplete(folder: string, folds: readonly FoldName[], name: CheckpointName): Promise<boolean> {
  try {
    await findFolds(folder, folds, name);
    return true;
  } catch (error) {
    if (error instanceof ReigniteError) return false;
    throw error;
  }
}

/** Returns an error that names the first missing file, for the kind of weights that most of the folds have. */
async function missingFile(
  folder: string,
  folds: readonly FoldName[],
  names: readonly CheckpointName[],
  isWhole: boolean,
): Promise<ReigniteError> {
  const complete = await Promise.all(
    names.map(async (name) => {
      const areComplete = await Promise.all(folds.map((fold) => isComplete(folder, [fold], name)));
      return { name, folds: folds.filter((_, index) => areComplete[index]) };
    }),
  );
  const [best, last] = complete;
  const { name = V1_CHECKPOINTS[0], folds: usable = [] } =
    (last?.folds.length ?? 0) > (best?.folds.length ?? 0) ? (last ?? {}) : (best ?? {});
  const cause = await findFolds(folder, folds, name).catch((error: unknown) => error);
  const message = cause instanceof Error ? cause.message : String(cause);
  const none = isWhole ? 'No fold is complete' : 'None of the chosen folds is complete';
  const has = usable.length === 0 ? none : `Complete: ${describeFolds(usable)}`;
  const remedy =
    isWhole && usable.length > 0
      ? toUseOnly(usable, 'Download the missing file')
      : isWhole
        ? 'Copy or download the missing files.'
        : 'Choose among the existing folds with `--folds` or `he.folds`, or download the model again.';
  return new ReigniteError('FOLD_MISSING', `${message} ${has} (${name}).`, { remedy, cause });
}

function toUseOnly(folds: readonly FoldName[], first: string): string {
  return `${first}, or use only these: \`--folds ${folds.join(',')}\` (in a run: he.folds).`;
}

/** Finds the folder of each fold by its usual name, else by a number at the end of the name and weights in the folder. */
async function foldFolders(folder: string): Promise<Map<FoldName, string>> {
  const names = await readdir(folder).catch(() => []);
  const folders = new Map<FoldName, string>();
  for (const name of names) {
    const fold = foldOfFolder(name);
    if (fold !== undefined && (await isFolder(join(folder, name)))) folders.set(fold, join(folder, name));
  }
  if (folders.size > 0) return folders;
  for (const name of names) {
    const fold = foldOfOddFolder(name);
    if (fold !== undefined && (await v1Weights(join(folder, name))).length > 0) folders.set(fold, join(folder, name));
  }
  return countedFromZero(folders);
}

/** Renumbers folds from 0, because folders with unusual names may count from 1. */
export function countedFromZero(folders: Map<FoldName, string>): Map<FoldName, string> {
  if (folders.has(0) || !folders.has(1)) return folders;
  return new Map([...folders].map(([fold, path]) => [fold === 'all' ? fold : fold - 1, path]));
}

/** Returns the fold of a folder with an unusual name, such as `Fold-3` or `f3`. The caller checks that it contains weights. */
export function foldOfOddFolder(name: string): FoldName | undefined {
  const digits = /^\D*(\d{1,2})$/.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** Lists the nnU-Net v1 weights in a folder: `.model` files with plans in a `.pkl` file next to them. */
async function v1Weights(folder: string): Promise<readonly string[]> {
  return weightsAmong(await readdir(folder).catch(() => []));
}

/** Selects the nnU-Net v1 weights among the file names of a folder. */
export function weightsAmong(names: readonly string[]): readonly string[] {
  return names.filter((name) => name.endsWith('.model') && names.includes(`${name}.pkl`));
}

function sorted(folds: readonly FoldName[]): readonly FoldName[] {
  const place = (fold: FoldName) => (fold === 'all' ? Number.POSITIVE_INFINITY : fold);
  return [...folds].sort((a, b) => place(a) - place(b));
}

async function isFolder(path: string): Promise<boolean> {
  return (await statIfThere(path))?.isDirectory() ?? false;
}

function folderOf(folder: string, fold: FoldName): string {
  return join(folder, `fold_${fold}`);
}

async function foldFiles(folder: string, fold: FoldName, name: CheckpointName): Promise<FoldFiles> {
  if (isV2(name)) {
    const model = dirname(folder);
    const plans = join(model, V2_PLANS);
    return { fold, checkpoint: join(folder, fileOf(name)), plans, dataset: join(model, 'dataset.json') };
  }
  const checkpoint = join(folder, (await oddWeights(folder)) ?? fileOf(name));
  return { fold, checkpoint, plans: `${checkpoint}.pkl` };
}

/** Returns the file name of a fold's only weights, unless the name is a usual one. */
async function oddWeights(folder: string): Promise<string | undefined> {
  return oddWeightsAmong(await v1Weights(folder));
}

/** Returns the only file name in a list of weights, unless it is a usual one. */
export function oddWeightsAmong(found: readonly string[]): string | undefined {
  const isUsual = V1_CHECKPOINTS.some((name) => found.includes(fileOf(name)));
  return isUsual || found.length > 1 ? undefined : found[0];
}

async function requireFiles({ checkpoint, plans, dataset }: FoldFiles): Promise<void> {
  for (const path of [checkpoint, plans, ...(dataset === undefined ? [] : [dataset])]) {
    if (await isFile(path)) continue;
    const fold = dirname(path);
    const what = (await isFolder(fold)) ? `no file ${path}` : `no folder ${basename(fold)}: ${path} is missing`;
    throw new ReigniteError('FOLD_MISSING', `The model has ${what}.`);
  }
}
