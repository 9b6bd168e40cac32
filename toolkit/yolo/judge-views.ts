import type { Candidates } from './detect/candidates.ts';
import type { CandidateRow } from './detect/candidates-file.ts';
import type { JudgedTile } from './detect/judge-tile.ts';
import { NMS_OUTCOMES, type NmsOptions, type NmsResult } from './detect/nms.ts';
import { type Box, isWithin } from './detect/points.ts';
import { isCutOff, type KeptBox, mergeTiles } from './merge-tiles.ts';
import { type Suppression, suppressed } from './suppression.ts';
import type { Rectangle, SeenTile } from './tile-views.ts';

export interface JudgeOptions extends NmsOptions {
  readonly suppression: Suppression;
  /** Only points within it are kept, borders included; px. */
  readonly box?: Box;
}

export interface JudgedImage extends JudgedTile {
  /** Points whose box ends at the border of its tile: objects larger than the overlap. */
  readonly cutOff: number;
}

interface TileOutcome extends NmsResult {
  readonly boxes: readonly Rectangle[];
  /** First row of the tile in the file. */
  readonly firstRow: number;
}

/**
 * Decides which candidates of an image are points, where tiles overlap or the image was scaled: suppression within each
 * tile, then one box an object over all tiles. Boxes are cut at the borders of the image, as in Ultralytics; a point is
 * the middle of its box.
 *
 * @param candidates - Of each tile, in px of the network's input.
 */
export function judgeViews(
  candidates: readonly Candidates[],
  tiles: readonly SeenTile[],
  image: { readonly width: number; readonly height: number },
  options: JudgeOptions,
): JudgedImage {
  const ofTiles = outcomesOf(candidates, tiles, image, options);
  const kept: (KeptBox & { readonly row: number })[] = [];
  for (const [tile, { order, outcomes, boxes, firstRow }] of ofTiles.entries()) {
    for (const [place, index] of order.entries()) {
      if (outcomes[index] !== NMS_OUTCOMES.kept) continue;
      const label = candidates[tile]?.classes[index] ?? 0;
      const score = candidates[tile]?.scores[index] ?? 0;
      kept.push({ tile, label, score, box: boxes[index] ?? [0, 0, 0, 0], row: firstRow + place });
    }
  }
  const merged = mergeTiles(kept, tiles, options.iou);
  const outcomeOfRow = new Map<number, CandidateRow[7]>();
  const points: JudgedTile['points'][number][] = [];
  let cutOff = 0;
  for (const [index, each] of kept.entries()) {
    const outcome = outcomeOf(merged[index] ?? 'kept', each, kept, options.box);
    outcomeOfRow.set(each.row, outcome);
    if (outcome !== 'point') continue;
    points.push({ ...middleOf(each.box), label: each.label });
    if (isCutOff(each, tiles)) cutOff++;
  }
  const rows = ofTiles.flatMap((outcome, tile) => rowsOf(tile, outcome, candidates[tile], outcomeOfRow));
  return { rows, points, cutOff };
}

function outcomesOf(
  candidates: readonly Candidates[],
  tiles: readonly SeenTile[],
  image: { readonly width: number; readonly height: number },
  options: JudgeOptions,
): TileOutcome[] {
  let firstRow = 0;
  return candidates.map((of, index) => {
    const boxes = boxesOf(of, tiles[index], image);
    const outcome = { ...suppressed(of, options.suppression, options), boxes, firstRow };
    firstRow += of.count;
    return outcome;
  });
}

function outcomeOf(
  outcome: ReturnType<typeof mergeTiles>[number],
  { box }: KeptBox,
  kept: readonly { readonly row: number }[],
  within: Box | undefined,
): CandidateRow[7] {
  if (typeof outcome === 'number') return kept[outcome]?.row ?? 'seam';
  if (outcome === 'seam') return 'seam';
  if (box[2] <= box[0] || box[3] <= box[1]) return 'outside';
  return within === undefined || isWithin(middleOf(box), within) ? 'point' : 'box';
}

function rowsOf(
  tile: number,
  { order, outcomes, boxes, firstRow }: TileOutcome,
  candidates: Candidates | undefined,
  outcomeOfRow: ReadonlyMap<number, CandidateRow[7]>,
): CandidateRow[] {
  const rowOf = new Map(Array.from(order, (index, place) => [index, firstRow + place]));
  return Array.from(order, (index, place): CandidateRow => {
    const number = outcomes[index] ?? NMS_OUTCOMES.kept;
    const outcome = (): CandidateRow[7] => {
      if (number === NMS_OUTCOMES.belowConfidence) return 'confidence';
      if (number === NMS_OUTCOMES.overLimit) return 'limit';
      if (number !== NMS_OUTCOMES.kept) return rowOf.get(number) ?? 0;
      return outcomeOfRow.get(firstRow + place) ?? 'seam';
    };
    const [x1 = 0, y1 = 0, x2 = 0, y2 = 0] = (boxes[index] ?? []).map((value) => decimals(value, 2));
    const score = decimals(candidates?.scores[index], 6);
    return [tile, candidates?.classes[index] ?? 0, score, x1, y1, x2, y2, outcome()];
  });
}

/** Boxes in px of the image, cut at its borders. */
function boxesOf(
  { corners, count }: Candidates,
  tile: SeenTile | undefined,
  { width, height }: { readonly width: number; readonly height: number },
): Rectangle[] {
  const { left = 0, top = 0, scaleX = 1, scaleY = 1 } = tile ?? {};
  const across = (value = 0) => Math.min(Math.max(value / scaleX + left, 0), width);
  const down = (value = 0) => Math.min(Math.max(value / scaleY + top, 0), height);
  return Array.from({ length: count }, (_, index) => {
    const at = 4 * index;
    return [across(corners[at]), down(corners[at + 1]), across(corners[at + 2]), down(corners[at + 3])] as const;
  });
}

function middleOf([x1, y1, x2, y2]: Rectangle): { readonly x: number; readonly y: number } {
  return { x: (x1 + x2) / 2, y: (y1 + y2) / 2 };
}

function decimals(value = 0, digits: number): number {
  return Math.round(value * 10 ** digits) / 10 ** digits;
}
