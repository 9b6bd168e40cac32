import { z } from 'zod';
import type { VerdictConfig } from '../../config/verdict-config.ts';
import { ReigniteError } from '../errors.ts';
import type { CellPoint } from '../metrics/points-file.ts';
import { NOT_PREDICTED } from '../nnunet/sliding-window/tile-grid.ts';
import type { CandidatesFile } from '../yolo/detect/detection-files.ts';

export interface PointPair {
  /** Index into our points. */
  readonly ours: number;
  /** Index into the published points. */
  readonly published: number;
  /** In px. */
  readonly distance: number;
}

/**
 * Pairs points of the same class one to one, nearest first. Equal distances are taken in the order of our points, then
 * of the published ones.
 *
 * @param within - Largest distance of a pair in px, inclusive.
 * @returns The pairs, sorted by distance.
 */
export function pairPoints(
  ours: readonly CellPoint[],
  published: readonly CellPoint[],
  within: number,
): readonly PointPair[] {
  const neighboursOf = neighbourSearch(published, within);
  const candidates: PointPair[] = [];
  for (const [mine, point] of ours.entries()) {
    for (const theirs of neighboursOf(point)) {
      const other = published[theirs];
      if (other === undefined || other.class !== point.class) continue;
      const distance = Math.hypot(other.x - point.x, other.y - point.y);
      if (distance <= within) candidates.push({ ours: mine, published: theirs, distance });
    }
  }
  candidates.sort((a, b) => a.distance - b.distance || a.ours - b.ours || a.published - b.published);
  const taken = { ours: new Set<number>(), published: new Set<number>() };
  return candidates.filter((pair) => {
    if (taken.ours.has(pair.ours) || taken.published.has(pair.published)) return false;
    taken.ours.add(pair.ours);
    taken.published.add(pair.published);
    return true;
  });
}

/**
 * Sorts points into a grid of square buckets as wide as the search distance, so that all neighbours of a point are in
 * its bucket or an adjacent one.
 */
function neighbourSearch(points: readonly CellPoint[], side: number): (point: CellPoint) => number[] {
  const width = Math.max(side, 1e-3);
  const bucketOf = (value: number) => Math.floor(value / width);
  const buckets = new Map<string, number[]>();
  for (const [index, { x, y }] of points.entries()) {
    const key = `${bucketOf(x)} ${bucketOf(y)}`;
    const bucket = buckets.get(key);
    if (bucket === undefined) buckets.set(key, [index]);
    else bucket.push(index);
  }
  return ({ x, y }) => {
    const found: number[] = [];
    for (let i = -1; i <= 1; i++) {
      for (let j = -1; j <= 1; j++) found.push(...(buckets.get(`${bucketOf(x) + i} ${bucketOf(y) + j}`) ?? []));
    }
    return found;
  };
}

/** One of our points, or a dropped candidate, with its detection score. */
export interface ScoredPoint extends CellPoint {
  readonly score: number;
}

/** Result of our detector for one image. */
export interface ScoredImage {
  /** The points, in the order of the `.npy`. */
  readonly points: readonly ScoredPoint[];
  /** Centres of the candidates that were dropped. */
  readonly dropped: readonly ScoredPoint[];
  /** Detection score that a point has to exceed. */
  readonly threshold: number;
}

export type PointTolerances = VerdictConfig['cells'];

/** Coordinates of two decimals are rounded to float32: beyond 1,024 px, by up to this much. */
const FLOAT32_SPACING = 2 ** -13;

/** Comparison of the points of one image, or of several, with the published ones. */
export const PointsComparison = z.object({
  ours: z.int().min(0),
  published: z.int().min(0),
  matched: z.int().min(0).describe('Pairs of one class within the tolerance, nearest first'),
  farthest: z.number().min(0).describe('Largest distance within a pair, px'),
  extra: z.int().min(0).describe('Reproduced points without counterpart'),
  missing: z.int().min(0).describe('Published points without counterpart'),
  unexplained: z
    .int()
    .min(0)
    .describe('Points of both sides outside the `reproduced` tolerance whose score is not near the threshold'),
});
export type PointsComparison = z.infer<typeof PointsComparison>;

/** Compares the points of one image with the published ones. */
export function comparePoints(
  { points, dropped, threshold }: ScoredImage,
  published: readonly CellPoint[],
  { reproduced, tolerance }: PointTolerances,
): PointsComparison {
  const pairs = pairPoints(points, published, tolerance.maxDistance);
  const isNearThreshold = (score: number | undefined) =>
    score !== undefined && Math.abs(score - threshold) <= reproduced.maxScoreDifference;
  const paired = {
    ours: new Set(pairs.map(({ ours }) => ours)),
    published: new Set(pairs.map((pair) => pair.published)),
  };
  const extra = points.filter((_, index) => !paired.ours.has(index));
  const missing = published.filter((_, index) => !paired.published.has(index));
  const farOff = pairs.filter(
    ({ ours, distance }) =>
      distance > reproduced.maxDistance + FLOAT32_SPACING && !isNearThreshold(points[ours]?.score),
  );
  const borderline = dropped.filter(({ score }) => isNearThreshold(score));
  const explained = pairPoints(borderline, missing, tolerance.maxDistance).length;
  const unexplainedExtra = extra.filter(({ score }) => !isNearThreshold(score)).length;
  return {
    ours: points.length,
    published: published.length,
    matched: pairs.length,
    farthest: pairs.at(-1)?.distance ?? 0,
    extra: extra.length,
    missing: missing.length,
    unexplained: farOff.length + unexplainedExtra + missing.length - explained,
  };
}

/** Sums the comparisons of several images. */
export function sumOfPointComparisons(comparisons: readonly PointsComparison[]): PointsComparison {
  const none: PointsComparison = {
    ours: 0,
    published: 0,
    matched: 0,
    farthest: 0,
    extra: 0,
    missing: 0,
    unexplained: 0,
  };
  return comparisons.reduce(
    (sum, each) => ({
      ours: sum.ours + each.ours,
      published: sum.published + each.published,
      matched: sum.matched + each.matched,
      farthest: Math.max(sum.farthest, each.farthest),
      extra: sum.extra + each.extra,
      missing: sum.missing + each.missing,
      unexplained: sum.unexplained + each.unexplained,
    }),
    none,
  );
}

/**
 * Joins the points of the `.npy` with their detection scores in `candidates/<task>/<stem>.json`.
 *
 * @throws ReigniteError NPY_INVALID when the two files are not from the same detection.
 */
export function scoredImage(roi: string, points: readonly CellPoint[], file: CandidatesFile): ScoredImage {
  const scored: ScoredPoint[] = [];
  const dropped: ScoredPoint[] = [];
  for (const { class: label, score, x1, y1, x2, y2, outcome } of file.candidates) {
    const point = outcome === 'point' ? points[scored.length] : { x: (x1 + x2) / 2, y: (y1 + y2) / 2, class: label };
    if (point !== undefined) (outcome === 'point' ? scored : dropped).push({ ...point, score });
  }
  if (scored.length !== points.length) {
    const cause = `The ${points.length} points of ${roi} are not those of its candidates (${scored.length}).`;
    throw new ReigniteError('NPY_INVALID', cause, {
      remedy: 'Run again with `--fresh`: this detects the cells of the image again.',
    });
  }
  return { points: scored, dropped, threshold: file.confidence };
}

const Pixels = z.int().min(0);

/** Pixel-by-pixel comparison of two masks of one ROI. */
export const MaskComparison = z.object({
  pixels: Pixels.describe('Pixels compared: those that both masks predict'),
  differing: Pixels,
  largestConfidence: z.number().min(0).max(1).describe('Largest confidence of a differing pixel; 0 where none differs'),
  lowConfidence: Pixels.describe('Differing pixels whose confidence is within the tolerance'),
  between: z.array(z.array(Pixels)).describe('Counts of the labels 0 to 16: rows published, columns ours'),
});
export type MaskComparison = z.infer<typeof MaskComparison>;

/** Stored value of confidence 1: confidences are scaled to uint16. */
const LARGEST = 65_535;

/**
 * Compares a published mask with ours, and looks up our confidence at the pixels that differ.
 *
 * @param published - width x height labels.
 * @param ours - width x height labels; pixels of 255 were not predicted (scope `annotated`) and are ignored.
 * @param confidences - width x height uint16: best minus second-best mean softmax, times 65535.
 * @param lowConfidenceUpTo - Confidence, 0 to 1, up to which a differing pixel is counted in `lowConfidence`.
 * @param labels - Number of labels; pixels with a larger value are compared, but not counted in `between`.
 * @throws RangeError when the lengths differ.
 */
export function compareMasks(
  published: Uint8Array,
  ours: Uint8Array,
  confidences: Uint16Array,
  { lowConfidenceUpTo, labels }: { readonly lowConfidenceUpTo: number; readonly labels: number },
): MaskComparison {
  if (published.length !== ours.length || confidences.length !== ours.length) {
    throw new RangeError(
      `Expected ${ours.length} px, got ${published.length} px and ${confidences.length} confidence values`,
    );
  }
  const pairs = new Float64Array(labels * labels);
  // A stored confidence may have been rounded up by half a step, but the tolerance applies to the value before
  // rounding.
  const near = lowConfidenceUpTo * LARGEST + 0.5;
  let pixels = 0;
  let differing = 0;
  let largest = 0;
  let lowConfidence = 0;
  for (let at = 0; at < ours.length; at++) {
    const mine = ours[at] ?? 0;
    const theirs = published[at] ?? 0;
    if (mine === NOT_PREDICTED || theirs === NOT_PREDICTED) continue;
    pixels++;
    if (mine < labels && theirs < labels) {
      const entry = theirs * labels + mine;
      pairs[entry] = (pairs[entry] ?? 0) + 1;
    }
    if (mine === theirs) continue;
    differing++;
    const confidence = confidences[at] ?? 0;
    if (confidence > largest) largest = confidence;
    if (confidence <= near) lowConfidence++;
  }
  const between = Array.from({ length: labels }, (_, row) => [...pairs.subarray(row * labels, (row + 1) * labels)]);
  return { pixels, differing, largestConfidence: largest / LARGEST, lowConfidence, between };
}

/** Sums the comparisons of several ROIs. */
export function sumOfComparisons(comparisons: readonly MaskComparison[], labels: number): MaskComparison {
  const between = Array.from({ length: labels }, () => new Array<number>(labels).fill(0));
  const total = { pixels: 0, differing: 0, largestConfidence: 0, lowConfidence: 0, between };
  for (const each of comparisons) {
    total.pixels += each.pixels;
    total.differing += each.differing;
    total.largestConfidence = Math.max(total.largestConfidence, each.largestConfidence);
    total.lowConfidence += each.lowConfidence;
    for (const [t, row] of between.entries()) {
      for (let p = 0; p < labels; p++) row[p] = (row[p] ?? 0) + (each.between[t]?.[p] ?? 0);
    }
  }
  return total;
}

/** Half a step of the stored confidences, 0 to 1: the largest error of rounding. */
export const CONFIDENCE_ROUNDING = 0.5 / LARGEST;
