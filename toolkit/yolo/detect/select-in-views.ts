import type { Candidates } from './candidates.ts';
import type { Candidate } from './candidates-file.ts';
import type { ClassifiedTile } from './classify-candidates.ts';
import { isCutOff, type KeptBox, mergeTiles } from './merge-tiles.ts';
import { NMS_OUTCOMES, type NmsOptions, type NmsResult } from './nms.ts';
import { type Box, isWithin } from './points.ts';
import { type Suppression, suppressed } from './suppression.ts';
import type { Rectangle, SeenTile } from './tile-views.ts';

export interface ViewsOptions extends NmsOptions {
  readonly suppression: Suppression;
  /** Only points inside this box are kept, borders included; px. */
  readonly box?: Box;
  /** Only candidates with a detection score above this are listed. At most the confidence threshold. */
  readonly recorded: number;
}

/** Outcome of the candidates. `suppressedBy` is an index among the candidates of all tiles. */
export interface SelectedInViews extends ClassifiedTile {
  /** Number of points whose box ends at the border of its tile: objects larger than the overlap. */
  readonly cutOff: number;
}

interface TileOutcome extends NmsResult {
  readonly boxes: readonly Rectangle[];
  /** Indices of the candidates that are listed, by score descending. */
  readonly listed: NmsResult['order'];
  /** Index of the tile's first candidate in the list of all tiles. */
  readonly firstPlace: number;
}

type Outcome = Pick<Candidate, 'outcome' | 'suppressedBy'>;

/**
 * Decides which candidates are points if tiles overlap or the image was scaled: applies suppression within each tile, then
 * merges the tiles to one box per object. Boxes are clipped to the image, as in Ultralytics. A point is the centre of its
 * box.
 *
 * @param candidates - Candidates of each tile, in px of the network's input.
 */
export function selectInViews(
  candidates: readonly Candidates[],
  tiles: readonly SeenTile[],
  image: { readonly width: number; readonly height: number },
  options: ViewsOptions,
): SelectedInViews {
  const ofTiles = outcomesOf(candidates, tiles, image, options);
  const kept: (KeptBox & { readonly place: number })[] = [];
  for (const [tile, { listed, outcomes, boxes, firstPlace }] of ofTiles.entries()) {
    for (const [place, index] of listed.entries()) {
      if (outcomes[index] !== NMS_OUTCOMES.kept) continue;
      const label = candidates[tile]?.classes[index] ?? 0;
      const score = candidates[tile]?.scores[index] ?? 0;
      kept.push({ tile, label, score, box: boxes[index] ?? [0, 0, 0, 0], place: firstPlace + place });
    }
  }
  const merged = mergeTiles(kept, tiles, options.iou);
  const outcomeAt = new Map<number, Outcome>();
  const points: ClassifiedTile['points'][number][] = [];
  let cutOff = 0;
  for (const [index, each] of kept.entries()) {
    const outcome = outcomeOf(merged[index] ?? 'kept', each, kept, options.box);
    outcomeAt.set(each.place, outcome);
    if (outcome.outcome !== 'point') continue;
    points.push({ ...middleOf(each.box), label: each.label, score: each.score });
    if (isCutOff(each, tiles)) cutOff++;
  }
  const selected = ofTiles.flatMap((outcome, tile) => candidatesOf(tile, outcome, candidates[tile], outcomeAt));
  return { candidates: selected, points, cutOff };
}

function outcomesOf(
  candidates: readonly Candidates[],
  tiles: readonly SeenTile[],
  image: { readonly width: number; readonly height: number },
  options: ViewsOptions,
): TileOutcome[] {
  let firstPlace = 0;
  return candidates.map((of, index) => {
    const boxes = boxesOf(of, tiles[index], image);
    const result = suppressed(of, options.suppression, options);
    const listed = result.order.filter((each) => (of.scores[each] ?? 0) > Math.fround(options.recorded));
    const outcome = { ...result, boxes, listed, firstPlace };
    firstPlace += listed.length;
    return outcome;
  });
}

function outcomeOf(
  outcome: ReturnType<typeof mergeTiles>[number],
  { box }: KeptBox,
  kept: readonly { readonly place: number }[],
  within: Box | undefined,
): Outcome {
  if (typeof outcome === 'number') return { outcome: 'suppressed', suppressedBy: kept[outcome]?.place ?? 0 };
  if (outcome === 'seam') return { outcome: 'seam' };
  if (box[2] <= box[0] || box[3] <= box[1]) return { outcome: 'outside' };
  return { outcome: within === undefined || isWithin(middleOf(box), within) ? 'point' : 'box' };
}

function candidatesOf(
  tile: number,
  { listed, outcomes, boxes, firstPlace }: TileOutcome,
  candidates: Candidates | undefined,
  outcomeAt: ReadonlyMap<number, Outcome>,
): Candidate[] {
  const placeOf = new Map(Array.from(listed, (index, place) => [index, firstPlace + place]));
  return Array.from(listed, (index, place): Candidate => {
    const number = outcomes[index] ?? NMS_OUTCOMES.kept;
    const outcome = (): Outcome => {
      if (number === NMS_OUTCOMES.belowConfidence) return { outcome: 'confidence' };
      if (number === NMS_OUTCOMES.overLimit) return { outcome: 'limit' };
      if (number !== NMS_OUTCOMES.kept) return { outcome: 'suppressed', suppressedBy: placeOf.get(number) ?? 0 };
      return outcomeAt.get(firstPlace + place) ?? { outcome: 'seam' };
    };
    const [x1 = 0, y1 = 0, x2 = 0, y2 = 0] = (boxes[index] ?? []).map((value) => decimals(value, 2));
    const score = decimals(candidates?.scores[index], 6);
    return { tile, class: candidates?.classes[index] ?? 0, score, x1, y1, x2, y2, ...outcome() };
  });
}

/** Converts boxes to px of the image and clips them to it. */
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
