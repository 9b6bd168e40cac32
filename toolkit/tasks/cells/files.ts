import { rm } from 'node:fs/promises';
import { z } from 'zod';
import type { CellTask } from '../../../config/tasks.ts';
import { CacheKey } from '../../brands.ts';
import type { CacheEntry, KeyParts, StepCache } from '../../cache/step-cache.ts';
import type { CellPoint } from '../../dataset/cell-point.ts';
import { readPoints } from '../../metrics/points-file.ts';
import { RESULTS } from '../../results/results-folder.ts';
import { View } from '../../yolo/detect/tile-views.ts';
import type { DetectionSettings } from '../definition.ts';
import { definitionOf } from '../registry.ts';
import { type Box, InferenceFacts, type NetworkSetup, networkParts, type RoiSources } from '../work.ts';

/** Names of files within cache entries. */
export const POINTS = 'points.npy';
export const CANDIDATES = 'candidates.json';
export const BOXES = 'boxes.npy';

/** What a cache entry says of the cells of an image. */
export const DetectFacts = InferenceFacts.extend({
  points: z.number().int(),
  candidates: z.number().int(),
  boxes: CacheKey.describe('Key of the boxes that they were chosen from'),
});
export type DetectFacts = z.infer<typeof DetectFacts>;

/** What a file of boxes does not say of itself. */
export const SeenFacts = z.object({
  model: z.string(),
  width: z.number().int(),
  height: z.number().int(),
  tile: z.number().int(),
  view: View.exactOptional(),
  classes: z.array(z.string()),
  floor: z.number(),
});

/** What a cache entry says of the boxes of an image. */
export const BoxesFacts = InferenceFacts.extend({ seen: SeenFacts });

/** Where a detection image's files are in a results folder, laid out as in the record. */
export function cellOutputs(task: CellTask, results: string, roi: string) {
  return {
    points: RESULTS.points.in(results, definitionOf(task).folder, roi),
    candidates: RESULTS.candidates.in(results, task, roi),
    figure: RESULTS.figure.in(results, definitionOf(task).folder, `${roi}.png`),
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
async function restorePoints(cache: StepCache, entry: CacheEntry, target: string): Promise<void> {
  if (entry.files[POINTS] === undefined) await rm(target, { force: true });
  else await cache.restore(entry.key, POINTS, target);
}

/** Digest of the points of an entry; that there are none is a result as well. */
function pointsDigest({ files }: CacheEntry): string {
  return files[POINTS]?.sha256 ?? 'none';
}

/** The points of an entry; none where there is no file of them. */
export async function pointsOf(cache: StepCache, entry: CacheEntry, task: CellTask): Promise<readonly CellPoint[]> {
  return entry.files[POINTS] === undefined ? [] : readPoints(cache.pathOf(entry.key, POINTS), task);
}

/** Raised whenever the code that makes a step's outputs changes what it makes. */
const SCHEMA = { boxes: 1, detect: 2, figure: 3 } as const;

/** What the boxes of an image depend on: no threshold, but the score down to which they are kept. */
export function boxesKey(
  { image }: { readonly image: string },
  setup: NetworkSetup,
  { tile, floor }: { readonly tile: number; readonly floor: number },
): KeyParts {
  return { step: 'detect-boxes', schema: SCHEMA.boxes, image, tile, floor, ...networkParts(setup) };
}

/** What the points and candidates of an image depend on. */
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

/** What the figure of a detection image depends on. */
export function cellsFigureKey(roi: string, { image, truth }: RoiSources, entry: CacheEntry): KeyParts {
  const points = pointsDigest(entry);
  return { step: 'draw-cells', schema: SCHEMA.figure, roi, image, annotations: truth, points };
}
