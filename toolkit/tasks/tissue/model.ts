import { join } from 'node:path';
import type { RunConfig } from '../../../config/schema.ts';
import { folderOf } from '../../dataset/layout.ts';
import { ReigniteError } from '../../errors.ts';
import type { HomeFolders } from '../../files/home-folders.ts';
import { modelDigest } from '../../nnunet/convert/convert-model.ts';
import { findModelFolder } from '../../nnunet/convert/find-model-folder.ts';
import { findFolds } from '../../nnunet/convert/model-folds.ts';
import { readPlansFile } from '../../nnunet/convert/plans-file.ts';
import { knownModelCard } from '../../nnunet/model-card.ts';
import type { TissueTaskDefinition } from '../definition.ts';
import type { KnownModel } from '../kind.ts';

const USUAL_PATCH = [512, 512] as const;
const PAPERS_FOLDS = 5;

/** Folder of the record's models of a task, absolute. */
export function recordModels({ name }: TissueTaskDefinition, data: string): string {
  return join(data, folderOf('models', name));
}

/** Identifies the model of a tissue task. A custom model is identified when it is prepared. */
export async function planTissueModel(
  task: TissueTaskDefinition,
  config: RunConfig,
  data: string,
  { models }: HomeFolders,
  signal: AbortSignal,
): Promise<KnownModel> {
  const folder = recordModels(task, data);
  const digest = config[task.name].model === undefined ? await digestOf(folder, signal) : undefined;
  if (digest === undefined) return { isConverted: false, patch: USUAL_PATCH, folds: PAPERS_FOLDS };
  const card = await knownModelCard(join(models, digest));
  if (card === undefined) return { digest, isConverted: false, patch: await patchOf(folder), folds: PAPERS_FOLDS };
  return { digest, isConverted: true, patch: card.patch, folds: card.folds.length };
}

/** As the plans of the first fold have it; what is wrong with them, the conversion says. */
async function patchOf(models: string): Promise<readonly [number, number]> {
  try {
    const [first] = await findFolds(await findModelFolder(models));
    return (await readPlansFile(first.plans)).patch;
  } catch {
    return USUAL_PATCH;
  }
}

async function digestOf(models: string, signal: AbortSignal): Promise<string | undefined> {
  try {
    return await modelDigest(await findModelFolder(models), undefined, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof ReigniteError) return undefined;
    throw error;
  }
}
