import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ReigniteError } from '../errors.ts';

/** The folds of the paper's ensemble, in the order in which their softmax is summed. */
export const PAPER_FOLDS: readonly number[] = [0, 1, 2, 3, 4];

/** Files of one fold of an nnU-Net v1 model. */
export interface FoldFiles {
  readonly fold: number;
  /** Weights. */
  readonly checkpoint: string;
  /** Plans and trainer. */
  readonly plans: string;
}

/**
 * Finds the files of the folds asked for. Plans are wanted of the first fold only, as nnU-Net's loader reads no others.
 *
 * @param folder - Holds `fold_0`, `fold_1` and so on.
 * @returns At least one fold, in the order asked.
 * @throws ReigniteError FOLD_MISSING naming what is not there.
 */
export async function findFolds(
  folder: string,
  folds: readonly number[] = PAPER_FOLDS,
): Promise<readonly [FoldFiles, ...FoldFiles[]]> {
  const [first, ...others] = folds.map((fold) => foldFiles(folder, fold));
  if (first === undefined) throw new RangeError('Expected at least one fold');
  for (const { checkpoint } of [first, ...others]) await requireFile(checkpoint);
  await requireFile(first.plans);
  return [first, ...others];
}

function foldFiles(folder: string, fold: number): FoldFiles {
  const checkpoint = join(folder, `fold_${fold}`, 'model_best.model');
  return { fold, checkpoint, plans: `${checkpoint}.pkl` };
}

async function requireFile(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (!found?.isFile()) throw new ReigniteError('FOLD_MISSING', `The model has no file ${path}.`);
}
