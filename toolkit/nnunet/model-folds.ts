import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ReigniteError } from '../errors.ts';

/** A fold of nnU-Net: its number, or the one that was trained on all cases. */
export type FoldName = number | 'all';

/** The folds of the paper's ensemble, in the order in which their softmax is summed. */
export const PAPER_FOLDS: readonly FoldName[] = [0, 1, 2, 3, 4];

/** Names under which nnU-Net v1 keeps weights: the best of the validation, the last of the training. */
export const CHECKPOINTS = ['model_best', 'model_final_checkpoint'] as const;
export type CheckpointName = (typeof CHECKPOINTS)[number];

/** Files of one fold of an nnU-Net v1 model. */
export interface FoldFiles {
  readonly fold: FoldName;
  /** Weights. */
  readonly checkpoint: string;
  /** Plans and trainer. */
  readonly plans: string;
}

/** The folds of a model that are used. */
export interface ChosenFolds {
  /** In the order in which their softmax is averaged. */
  readonly folds: readonly FoldName[];
  readonly name: CheckpointName;
}

/** The fold that a folder of this name holds; undefined for any other folder. nnU-Net v1 writes `all`, v2 `fold_all`. */
export function foldOfFolder(name: string): FoldName | undefined {
  if (name === 'all' || name === 'fold_all') return 'all';
  const digits = /^fold_(\d+)$/.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** Whether a folder holds the folder of any fold. */
export async function holdsFolds(folder: string): Promise<boolean> {
  return (await foldFolders(folder)).size > 0;
}

/**
 * Finds the files of the folds asked for, each with its weights and its plans.
 *
 * @param folder - Holds `fold_0`, `fold_1` and so on.
 * @returns At least one fold, in the order asked.
 * @throws ReigniteError FOLD_MISSING naming what is not there.
 */
export async function findFolds(
  folder: string,
  folds: readonly FoldName[] = PAPER_FOLDS,
  name: CheckpointName = 'model_best',
): Promise<readonly [FoldFiles, ...FoldFiles[]]> {
  const folders = await foldFolders(folder);
  const [first, ...others] = folds.map((fold) => foldFiles(folders.get(fold) ?? folderOf(folder, fold), fold, name));
  if (first === undefined) throw new RangeError('Expected at least one fold');
  for (const files of [first, ...others]) await requireFiles(files);
  return [first, ...others];
}

/**
 * Which folds of a model are used: those asked for, else all that the folder holds, which must then be complete and
 * without a gap. As in nnU-Net, the fold `all` is taken where it is asked for, or the only one.
 *
 * The weights are `model_best` where every fold has them, else `model_final_checkpoint` where every fold has these.
 *
 * @param folder - Holds `fold_0` and so on.
 * @throws ReigniteError FOLD_MISSING naming what is not there, and what is.
 */
export async function chooseFolds(folder: string, asked?: readonly FoldName[]): Promise<ChosenFolds> {
  const found = sorted([...(await foldFolders(folder)).keys()]);
  if (found.length === 0) {
    throw new ReigniteError('FOLD_MISSING', `${folder} holds no fold_0 or all with an nnU-Net v1 model.`, {
      remedy: 'Name the folder of an nnU-Net v1 model, the one that holds fold_0.',
    });
  }
  const folds = asked === undefined ? foldsWithoutGap(folder, found) : sorted([...new Set(asked)]);
  for (const name of CHECKPOINTS) {
    if (await isComplete(folder, folds, name)) return { folds, name };
  }
  throw await missingFile(folder, folds, asked === undefined);
}

/** What a person reads of folds: `folds 0, 1, 3 and 4`. */
export function describeFolds(folds: readonly FoldName[]): string {
  const names = folds.map(String);
  if (names.length < 2) return `fold ${names.join()}`;
  return `folds ${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

function foldsWithoutGap(folder: string, found: readonly FoldName[]): readonly FoldName[] {
  const numbered = found.filter((fold) => fold !== 'all');
  if (numbered.length === 0) return found;
  const missing = Array.from({ length: Math.max(...numbered) }, (_, fold) => fold).filter(
    (fold) => !numbered.includes(fold),
  );
  if (missing.length === 0) return numbered;
  throw new ReigniteError(
    'FOLD_MISSING',
    `${folder} holds ${describeFolds(numbered)}; ${describeFolds(missing)} ${missing.length === 1 ? 'is' : 'are'} missing.`,
    { remedy: toUseOnly(numbered, 'Fetch the model again') },
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

/** Names the first missing file, of the weights that most of the folds have. */
async function missingFile(folder: string, folds: readonly FoldName[], isWhole: boolean): Promise<ReigniteError> {
  const complete = await Promise.all(
    CHECKPOINTS.map(async (name) => {
      const is = await Promise.all(folds.map((fold) => isComplete(folder, [fold], name)));
      return { name, folds: folds.filter((_, index) => is[index]) };
    }),
  );
  const [best, last] = complete;
  const { name = CHECKPOINTS[0], folds: usable = [] } =
    (last?.folds.length ?? 0) > (best?.folds.length ?? 0) ? (last ?? {}) : (best ?? {});
  const cause = await findFolds(folder, folds, name).catch((error: unknown) => error);
  const message = cause instanceof Error ? cause.message : String(cause);
  const has = usable.length === 0 ? 'No fold is complete' : `Complete: ${describeFolds(usable)}`;
  const remedy = isWhole && usable.length > 0 ? toUseOnly(usable, 'Fetch the missing file') : 'Fetch the model again.';
  return new ReigniteError('FOLD_MISSING', `${message} ${has} (${name}).`, { remedy, cause });
}

function toUseOnly(folds: readonly FoldName[], first: string): string {
  return `${first}, or use these alone: \`--folds ${folds.join(',')}\`.`;
}

/** Folders of folds by their fold. */
async function foldFolders(folder: string): Promise<Map<FoldName, string>> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const folders = new Map<FoldName, string>();
  for (const entry of entries) {
    const fold = foldOfFolder(entry.name);
    if (fold === undefined || !(await isFolder(join(folder, entry.name)))) continue;
    folders.set(fold, join(folder, entry.name));
  }
  return folders;
}

function sorted(folds: readonly FoldName[]): readonly FoldName[] {
  const place = (fold: FoldName) => (fold === 'all' ? Number.POSITIVE_INFINITY : fold);
  return [...folds].sort((a, b) => place(a) - place(b));
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() ?? false;
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
}

function folderOf(folder: string, fold: FoldName): string {
  return join(folder, `fold_${fold}`);
}

function foldFiles(folder: string, fold: FoldName, name: CheckpointName): FoldFiles {
  const checkpoint = join(folder, `${name}.model`);
  return { fold, checkpoint, plans: `${checkpoint}.pkl` };
}

async function requireFiles({ checkpoint, plans }: FoldFiles): Promise<void> {
  for (const path of [checkpoint, plans]) {
    if (await isFile(path)) continue;
    const fold = dirname(path);
    const what = (await isFolder(fold)) ? `no file ${path}` : `no folder ${basename(fold)}: there is no ${path}`;
    throw new ReigniteError('FOLD_MISSING', `The model has ${what}.`);
  }
}
