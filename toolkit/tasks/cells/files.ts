import { rm } from 'node:fs/promises';
import { z } from 'zod';
import type { CellTask } from '../../../config/tasks.ts';
import { CacheKey } from '../../brands.ts';
import type { CacheEntry, KeyParts, StepCache } from '../../cache/step-cache.ts';
import { type CellPoint, readPoints } from '../../metrics/points-file.ts';
import { RESULTS } from '../../results/results-folder.ts';
import { View } from '../../yolo/detect/image-views.ts';
import { type DetectionSettings, definitionOf } from '../registry.ts';
import { type Box, InferenceFacts, type NetworkSetup, networkParts, type RoiSources } from '../work.ts';

/** Names of files within cache entries. */
export const POINTS = 'points.npy';
export const CANDIDATES = 'candidates.json';
export const BOXES = 'boxes.npy';

/** Facts in a cache entry about the cells of an image. */
export const DetectFacts = InferenceFacts.extend({
  points: z.number().int(),
  candidates: z.number().int(),
  boxes: CacheKey.describe('Key of the boxes that they were chosen from'),
});
export type DetectFacts = z.infer<typeof DetectFacts>;

/** What a file of boxes does not contain itself. */
export const SeenFacts = z.object({
  model: z.string(),
  width: z.number().int(),
  height: z.number().int(),
  tile: z.number().int(),
  view: View.exactOptional(),
  classes: z.array(z.string()),
  floor: z.number(),
});

/** Facts in a cache entry about the boxes of an image. */
export const BoxesFacts = InferenceFacts.extend({ seen: SeenFacts });

/** Returns the paths of a detection image's files in a results folder, which has the layout of the record. */
export function cellOutputs(task: CellTask, results: string, roi: string) {
  return {
    points: RESULTS.points.in(results, definitionOf(task).folder, roi),
    candidates: RESULTS.candidates.in(results, task, roi),
    figure: RESULTS.figure.in(results, definitionOf(task).folder, `${roi}.png`),
  };
}

/** Copies the candidates and points of a cache entry to the results folder. */
export async function restoreCells(
  cache: StepCache,
  entry: CacheEntry,
  { points, candidates }: Pick<ReturnType<typeof cellOutputs>, 'points' | 'candidates'>,
): Promise<void> {
  await cache.restore(entry.key, CANDIDATES, candidates);
  await restorePoints(cache, entry, points);
}

/** Copies the points of a cache entry. An image without points has no file, as in the record. */
async function restorePoints(cache: StepCache, entry: CacheEntry, target: string): Promise<void> {
  if (entry.files[POINTS] === undefined) await rm(target, { force: true });
  else await cache.restore(entry.key, POINTS, target);
}

/** Returns the digest of the points of a cache entry; `none` for an image without points. */
function pointsDigest({ files }: CacheEntry): string {
  return files[POINTS]?.sha256 ?? 'none';
}

/** Reads the points of a cache entry; none if it has no file of points. */
export async function pointsOf(cache: StepCache, entry: CacheEntry, task: CellTask): Promise<readonly CellPoint[]> {
  return entry.files[POINTS] === undefined ? [] : readPoints(cache.pathOf(entry.key, POINTS), task);
}

/** Must be raised when a change of code changes the outputs of a step. */
const SCHEMA = { boxes: 1, detect: 2, figure: 3 } as const;

/**
 * Returns the cache key parts of an image's boxes. These do not depend on thresholds, only on the score down to which
 * they are kept.
 */
export function boxesKey(
  { image }: { readonly image: string },
  setup: NetworkSetup,
  { tile, floor }: { readonly tile: number; readonly floor: number },
): KeyParts {
  return { step: 'detect-boxes', schema: SCHEMA.boxes, image, tile, floor, ...networkParts(setup) };
}

/** Returns the cache key parts of an image's points and candidates. */
export function detectKey(
  box: Box | undefined,
  { image }: Pick<RoiSources, 'image'>,
  setup: NetworkSetup,
  { tile, confidence, iou }: DetectionSettings,
): KeyParts {
  return {
    step: 'detect-cells',
    schema: SCHEMA.detect,
    image,
    box: box?.join(' ') ?? 'none',
    tile,
    confidence,
    iou,
    ...networkParts(setup),
  };
}

/** Returns the cache key parts of a detection image's figure. */
export function cellsFigureKey(roi: string, { image, truth }: RoiSources, entry: CacheEntry): KeyParts {
  const points = pointsDigest(entry);
  return { step: 'draw-cells', schema: SCHEMA.figure, roi, image, annotations: truth, points };
}
