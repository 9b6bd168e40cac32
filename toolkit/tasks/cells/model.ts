import { join } from 'node:path';
import type { RunConfig } from '../../../config/schema.ts';
import { detectorFileIn } from '../../dataset/find-files.ts';
import { ReigniteError } from '../../errors.ts';
import type { HomeFolders } from '../../files/home-folders.ts';
import { inside } from '../../files/inside.ts';
import { detectorDigest } from '../../yolo/convert/convert-detector.ts';
import { readDetectorCard } from '../../yolo/detector-card.ts';
import type { CellTaskDefinition } from '../definition.ts';
import type { KnownModel } from '../kind.ts';
import { settingsInEffect } from './settings.ts';

/** Identifies the detector of a cell task. One that is not a checkpoint is identified only when it is prepared. */
export async function planCellsModel(
  definition: CellTaskDefinition,
  config: RunConfig,
  data: string,
  { models }: HomeFolders,
  signal: AbortSignal,
): Promise<KnownModel> {
  const { name } = definition;
  const { tile } = settingsInEffect(definition, config[name]);
  const patch = [tile, tile] as const;
  const path = config[name].model ?? inside(data, await detectorFileIn(data, name));
  const digest = path.endsWith('.pt') ? await digestOf(path, tile, signal) : undefined;
  if (digest === undefined) return { isConverted: false, patch, folds: 1 };
  const isConverted = await readDetectorCard(join(models, digest)).then(Boolean, () => false);
  return { digest, isConverted, patch, folds: 1 };
}

async function digestOf(path: string, tile: number, signal: AbortSignal): Promise<string | undefined> {
  try {
    return await detectorDigest(path, tile, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof ReigniteError) return undefined;
    throw error;
  }
}
