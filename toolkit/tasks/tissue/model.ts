import { join } from 'node:path';
import type { RunConfig } from '../../../config/schema.ts';
import { folderOf } from '../../dataset/layout.ts';
import { ReigniteError } from '../../errors.ts';
import type { HomeFolders } from '../../files/home-folders.ts';
import { modelDigest } from '../../nnunet/convert/convert-model.ts';
import { findModelFolder } from '../../nnunet/convert/find-model-folder.ts';
import { findFolds } from '../../nnunet/convert/model-folds.ts';
import { readPlansFile } from '../../nnunet/convert/plans.ts';
import { knownModelCard } from '../../nnunet/model-card.ts';
import type { TissueTaskDefinition } from '../definition.ts';
import type { KnownModel } from '../kind.ts';

const USUAL_PATCH = [512, 512] as const;
const PAPERS_FOLDS = 5;

/**
 * Finds the record's model of a task, under any folder name: in the task's folder of models, or else anywhere below
 * `models/`.
 *
 * @returns The folder with the folds, absolute.
 * @throws ReigniteError FILE_MISSING when there is none, or several.
 */
export async function recordModel({ name }: TissueTaskDefinition, data: string): Promise<string> {
  return findModelFolder(join(data, folderOf('models', name))).catch(async (error: unknown) =>
    findModelFolder(join(data, 'models')).catch(() => Promise.reject(error)),
  );
}

/** Identifies the model of a tissue task. A custom model is identified when it is prepared. */
export async function planTissueModel(
  task: TissueTaskDefinition,
  config: RunConfig,
  data: string,
  { models }: HomeFolders,
  signal: AbortSignal,
): Promise<KnownModel> {
  const folder = await recordModel(task, data).catch(() => undefined);
  const isOwn = config[task.name].model !== undefined;
  const digest = isOwn || folder === undefined ? undefined : await digestOf(folder, signal);
  if (digest === undefined || folder === undefined)
    return { isConverted: false, patch: USUAL_PATCH, folds: PAPERS_FOLDS };
  const card = await knownModelCard(join(models, digest));
  if (card === undefined) return { digest, isConverted: false, patch: await patchOf(folder), folds: PAPERS_FOLDS };
  return { digest, isConverted: true, patch: card.patch, folds: card.folds.length };
}

/** Returns the patch size in the plans of the first fold. If these are invalid, the conversion reports it. */
async function patchOf(folder: string): Promise<readonly [number, number]> {
  try {
    const [first] = await findFolds(folder);
    return (await readPlansFile(first.plans)).patch;
  } catch {
    return USUAL_PATCH;
  }
}

async function digestOf(folder: string, signal: AbortSignal): Promise<string | undefined> {
  try {
    return await modelDigest(folder, undefined, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof ReigniteError) return undefined;
    throw error;
  }
}
