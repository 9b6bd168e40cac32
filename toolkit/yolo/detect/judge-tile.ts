import type { Candidates } from './candidates.ts';
import type { CandidateRow } from './candidates-file.ts';
import type { ImageTile } from './image-tiles.ts';
import { NMS_OUTCOMES, type NmsOptions, nms } from './nms.ts';
import { type Box, centreOf, isWithin, type Point } from './points.ts';

export interface JudgedTile {
  /** By score descending; a number as outcome is the row within this tile of the candidate that suppressed it. */
  readonly rows: readonly CandidateRow[];
  /** Unrounded, in px of the image, by score descending. */
  readonly points: readonly (Point & { readonly label: number })[];
}

/** Decides which candidates of a tile are points, and says why the others are not. */
export function classifyCandidates(
  candidates: Candidates,
  tile: ImageTile,
  options: NmsOptions & { readonly box?: Box },
): JudgedTile {
  const { order, outcomes } = nms(candidates, options);
  const rowOf = new Map(Array.from(order, (index, row) => [index, row]));
  const points: JudgedTile['points'][number][] = [];
  const rows = Array.from(order, (index): CandidateRow => {
    const label = candidates.classes[index] ?? 0;
    const outcome = () => {
      const outcome = outcomes[index] ?? NMS_OUTCOMES.kept;
      if (outcome === NMS_OUTCOMES.belowConfidence) return 'confidence';
      if (outcome === NMS_OUTCOMES.overLimit) return 'limit';
      if (outcome !== NMS_OUTCOMES.kept) return rowOf.get(outcome) ?? 0;
      const centre = centreOf(candidates, index, tile.left, tile.top);
      if (options.box !== undefined && !isWithin(centre, options.box)) return 'box';
      points.push({ ...centre, label });
      return 'point';
    };
    return [tile.index, label, decimals(candidates.scores[index], 6), ...corners(candidates, index, tile), outcome()];
  });
  return { rows, points };
}

function corners(
  { corners: all }: Candidates,
  index: number,
  { left, top }: ImageTile,
): [number, number, number, number] {
  const at = 4 * index;
  return [
    decimals((all[at] ?? 0) + left, 2),
    decimals((all[at + 1] ?? 0) + top, 2),
    decimals((all[at + 2] ?? 0) + left, 2),
    decimals((all[at + 3] ?? 0) + top, 2),
  ];
}

function decimals(value = 0, digits: number): number {
  return Math.round(value * 10 ** digits) / 10 ** digits;
}
