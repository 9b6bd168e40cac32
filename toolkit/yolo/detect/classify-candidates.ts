import { type Box, type Candidates, centreOf, isWithin, type Point } from './candidates.ts';
import type { Candidate } from './candidates-file.ts';
import type { ImageTile } from './image-tiles.ts';
import { NMS_OUTCOMES, type NmsOptions, nms } from './nms.ts';

/** The centre of a box that was selected as a cell, unrounded, in px of the image. */
export interface SelectedPoint extends Point {
  readonly label: number;
  readonly score: number;
}

export interface ClassifiedTile {
  /** By score descending. `suppressedBy` is an index in this list. */
  readonly candidates: readonly Candidate[];
  /** Unrounded, in px of the image, by score descending. */
  readonly points: readonly SelectedPoint[];
}

interface ClassifyOptions extends NmsOptions {
  readonly box?: Box;
  /** Only candidates with a detection score above this are listed. At most the confidence threshold. */
  readonly recorded: number;
}

/** Decides which candidates of a tile are points, and why the others are not. */
export function classifyCandidates(candidates: Candidates, tile: ImageTile, options: ClassifyOptions): ClassifiedTile {
  const { order, outcomes } = nms(candidates, options);
  const listed = order.filter((index) => (candidates.scores[index] ?? 0) > Math.fround(options.recorded));
  const placeOf = new Map(Array.from(listed, (index, place) => [index, place]));
  const points: ClassifiedTile['points'][number][] = [];
  const outcomeOf = (index: number): Pick<Candidate, 'outcome' | 'suppressedBy'> => {
    const number = outcomes[index] ?? NMS_OUTCOMES.kept;
    if (number === NMS_OUTCOMES.belowConfidence) return { outcome: 'confidence' };
    if (number === NMS_OUTCOMES.overLimit) return { outcome: 'limit' };
    if (number !== NMS_OUTCOMES.kept) return { outcome: 'suppressed', suppressedBy: placeOf.get(number) ?? 0 };
    const centre = centreOf(candidates, index, tile.left, tile.top);
    if (options.box !== undefined && !isWithin(centre, options.box)) return { outcome: 'box' };
    points.push({ ...centre, label: candidates.classes[index] ?? 0, score: candidates.scores[index] ?? 0 });
    return { outcome: 'point' };
  };
  const selected = Array.from(listed, (index): Candidate => {
    const score = decimals(candidates.scores[index], 6);
    const corners = cornersOf(candidates, index, tile);
    return { tile: tile.index, class: candidates.classes[index] ?? 0, score, ...corners, ...outcomeOf(index) };
  });
  return { candidates: selected, points };
}

function cornersOf({ corners }: Candidates, index: number, { left, top }: ImageTile) {
  const at = 4 * index;
  return {
    x1: decimals((corners[at] ?? 0) + left, 2),
    y1: decimals((corners[at + 1] ?? 0) + top, 2),
    x2: decimals((corners[at + 2] ?? 0) + left, 2),
    y2: decimals((corners[at + 3] ?? 0) + top, 2),
  };
}

function decimals(value = 0, digits: number): number {
  return Math.round(value * 10 ** digits) / 10 ** digits;
}
