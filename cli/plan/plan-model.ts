import { join } from 'node:path';
import type { RunInput } from '../../activities/inputs.ts';
import type { Task } from '../../config/tasks.ts';
import { detectorFile } from '../../toolkit/dataset/layout.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import type { HomeFolders } from '../../toolkit/files/home-folders.ts';
import { inside } from '../../toolkit/files/inside.ts';
import { modelDigest, readModelCard } from '../../toolkit/nnunet/convert-model.ts';
import { findModelFolder } from '../../toolkit/nnunet/find-model-folder.ts';
import { findFolds } from '../../toolkit/nnunet/model-folds.ts';
import { readPlansFile } from '../../toolkit/nnunet/plans-file.ts';
import { detectorDigest } from '../../toolkit/yolov5/convert-detector.ts';
import { readDetectorCard } from '../../toolkit/yolov5/detector-card.ts';

/** The model of a task, as far as it is known before it is prepared. */
export interface PlannedModel {
  /** Missing where its files are not there yet, or where only its preparation tells. */
  readonly digest?: string;
  readonly isConverted: boolean;
  /** Height and width of a tile in px. */
  readonly patch: readonly [number, number];
  /** Networks that see each tile. */
  readonly folds: number;
}

const USUAL_PATCH = [512, 512] as const;
const PAPERS_FOLDS = 5;

/** Identifies a task's model without converting it. */
export async function planModel(
  task: Task,
  { config, folders }: RunInput,
  { models }: Pick<HomeFolders, 'models'>,
  signal: AbortSignal,
): Promise<PlannedModel> {
  const folds = task === 'he' ? PAPERS_FOLDS : 1;
  const digest = await digestOf(task, config[task].model, folders.data, signal);
  if (digest === undefined) return { isConverted: false, patch: USUAL_PATCH, folds };
  const folder = join(models, digest);
  if (task !== 'he') {
    const isConverted = await readDetectorCard(folder).then(Boolean, () => false);
    return { digest, isConverted, patch: USUAL_PATCH, folds };
  }
  const card = await readModelCard(folder).catch(() => undefined);
  if (card === undefined) return { digest, isConverted: false, patch: await patchOf(folders.data), folds };
  return { digest, isConverted: true, patch: card.patch, folds: card.folds.length };
}

/** As the plans of the first fold have it; what is wrong with them, the conversion says. */
async function patchOf(data: string): Promise<readonly [number, number]> {
  try {
    const [first] = await findFolds(await findModelFolder(join(data, 'models', 'he')));
    return (await readPlansFile(first.plans)).patch;
  } catch {
    return USUAL_PATCH;
  }
}

/** A model of one's own in another format is identified by its preparation. */
async function digestOf(
  task: Task,
  own: string | undefined,
  data: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    if (task === 'he') {
      return own === undefined
        ? await modelDigest(await findModelFolder(join(data, 'models', 'he')), undefined, signal)
        : undefined;
    }
    const path = own ?? inside(data, detectorFile(task));
    return path.endsWith('.pt') ? await detectorDigest(path, undefined, signal) : undefined;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof ReigniteError) return undefined;
    throw error;
  }
}
