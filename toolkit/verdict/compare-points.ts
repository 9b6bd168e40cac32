import type { VerdictConfig } from '../../config/verdict-config.ts';
import type { CellPoint } from '../dataset/cell-point.ts';
import { ReigniteError } from '../errors.ts';
import type { CandidatesFile } from '../yolo/detect/candidates-file.ts';
import type { PointsComparison } from './verdict-file.ts';

export interface PointPair {
  /** Index among ours. */
  readonly ours: number;
  /** Index among the published. */
  readonly published: number;
  /** px */
  readonly distance: number;
}

/**
 * Pairs points of one class one to one, the nearest first; equal distances in the order of our points, then of the published ones.
 *
 * @param within - Largest distance of a pair in px, inclusive.
 * @returns The pairs, by distance.
 */
export function pairPoints(
  ours: readonly CellPoint[],
  published: readonly CellPoint[],
  within: number,
): readonly PointPair[] {
  const cells = inCells(published, within);
  const candidates: PointPair[] = [];
  for (const [mine, point] of ours.entries()) {
    for (const theirs of cells(point)) {
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

/** A grid of buckets as wide as the search: the neighbours of a point are in its bucket or an adjacent one. */
function inCells(points: readonly CellPoint[], side: number): (point: CellPoint) => number[] {
  const width = Math.max(side, 1e-3);
  const cellOf = (value: number) => Math.floor(value / width);
  const cells = new Map<string, number[]>();
  for (const [index, { x, y }] of points.entries()) {
    const key = `${cellOf(x)} ${cellOf(y)}`;
    const cell = cells.get(key);
    if (cell === undefined) cells.set(key, [index]);
    else cell.push(index);
  }
  return ({ x, y }) => {
    const found: number[] = [];
    for (let i = -1; i <= 1; i++) {
      for (let j = -1; j <= 1; j++) found.push(...(cells.get(`${cellOf(x) + i} ${cellOf(y) + j}`) ?? []));
    }
    return found;
  };
}

/** One of our points, or a candidate that was dropped. */
export interface ScoredPoint extends CellPoint {
  readonly score: number;
}

/** What our detector saw in an image. */
export interface ScoredImage {
  /** The points, in the order of the `.npy`. */
  readonly points: readonly ScoredPoint[];
  /** Centres of the candidates that became no point. */
  readonly dropped: readonly ScoredPoint[];
  /** Score that a point has to exceed. */
  readonly threshold: number;
}

export type PointTolerances = VerdictConfig['cells'];

/** Coordinates are float32 of two decimals: beyond 1,024 px, values in the file are off by up to this much. */
const FLOAT32_SPACING = 2 ** -13;

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

/** The sum over images. */
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
 * Puts the scores of `candidates/<task>/<stem>.json` to the points of the `.npy`.
 *
 * @throws ReigniteError NPY_INVALID when the two are not of one detection.
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
