import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { CellTask } from '../../config/tasks.ts';
import type { CacheEntry, StepCache } from '../cache/step-cache.ts';
import type { CellPoint } from '../dataset/cell-point.ts';
import { folderOf } from '../dataset/layout.ts';
import { readPoints } from '../metrics/points-file.ts';
import { InferenceFacts } from './inference-facts.ts';

/** Names of files within cache entries. */
export const POINTS = 'points.npy';
export const CANDIDATES = 'candidates.json';

/** What a cache entry says of the cells of an image. */
export const DetectFacts = InferenceFacts.extend({ points: z.number().int(), candidates: z.number().int() });
export type DetectFacts = z.infer<typeof DetectFacts>;

/** Where a detection image's files are in a results folder, laid out as in the record. */
export function cellOutputs(task: CellTask, results: string, roi: string) {
  return {
    points: join(results, folderOf('inference', task), `${roi}.npy`),
    candidates: join(results, 'candidates', task, `${roi}.json`),
    figure: join(results, folderOf('figures', task), `${roi}.png`),
  };
}

/** Puts an entry's candidates and points where results are. */
export async function restoreCells(
  cache: StepCache,
  entry: CacheEntry,
  { points, candidates }: Pick<ReturnType<typeof cellOutputs>, 'points' | 'candidates'>,
): Promise<void> {
  await cache.restore(entry.key, CANDIDATES, candidates);
  await restorePoints(cache, entry, points);
}

/** Puts an entry's points in their place. An image without points has no file, as in the record. */
export async function restorePoints(cache: StepCache, entry: CacheEntry, target: string): Promise<void> {
  if (entry.files[POINTS] === undefined) await rm(target, { force: true });
  else await cache.restore(entry.key, POINTS, target);
}

/** Digest of the points of an entry; that there are none is a result as well. */
export function pointsDigest({ files }: CacheEntry): string {
  return files[POINTS]?.sha256 ?? 'none';
}

/** The points of an entry; none where there is no file of them. */
export async function pointsOf(cache: StepCache, entry: CacheEntry, task: CellTask): Promise<readonly CellPoint[]> {
  return entry.files[POINTS] === undefined ? [] : readPoints(cache.pathOf(entry.key, POINTS), task);
}
