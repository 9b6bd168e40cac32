import { rm } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { writeFileAtomic } from '../../files/atomic-write.ts';
import { writeNpy } from '../../numpy.ts';
import { type Box, type Candidates, centreOf, isWithin, type Point, roundedCoordinate } from './candidates.ts';
import { type Candidate, type CandidatesFile, encodeCandidates, type ImageBoxes } from './detection-files.ts';
import { type ImageTile, type Rectangle, type SeenTile, viewTiles } from './image-views.ts';
import { isCutOff, type KeptBox, mergeTiles } from './merge-tiles.ts';
import { NMS_OUTCOMES, type NmsOptions, type NmsResult, nms, type Suppression, suppressed } from './nms.ts';

/** The centre of a box that was selected as a cell, unrounded, in px of the image. */
export interface SelectedPoint extends Point {
  readonly label: number;
  readonly score: number;
}

interface ClassifiedTile {
  /** By score descending. `suppressedBy` is an index in this list. */
  readonly candidates: readonly Candidate[];
  /** Unrounded, in px of the image, by score descending. */
  readonly points: readonly SelectedPoint[];
}

/** Candidates below the confidence threshold are also listed, down to this detection score. */
const RECORDED_SCORE = 0.25;

/** How points are selected among the boxes of an image. */
export interface SelectionOptions extends NmsOptions {
  /** Only points inside this box are kept, borders included (`annotated_xyxy`); px. Default: all. */
  readonly box?: Box;
  /** Which boxes may suppress each other. Ignored for tiles without overlap. Default: all. */
  readonly suppression?: Suppression;
  /** Candidates with a detection score above this are listed. Default: 0.25 or the confidence, whichever is lower. */
  readonly recorded?: number;
}

/** The points of an image, and the outcome of every candidate. */
export interface SelectedDetections {
  /** Unrounded, tile by tile, by score descending. */
  readonly points: readonly SelectedPoint[];
  readonly file: CandidatesFile;
  /** Number of points whose box ends at the border of its tile, with overlapping tiles. */
  readonly cutOff?: number;
}

/**
 * Decides which boxes of an image are points: applies non-maximum suppression in each tile, keeps centres inside the
 * annotated box and, if tiles overlap, merges them to one box per object.
 *
 * The result is the same as with a threshold inside the detector: a box is only suppressed by one with a higher score, and
 * limits count from the highest score, so boxes below the threshold do not affect those above it.
 *
 * @throws RangeError if boxes down to the confidence threshold were not kept.
 * @see `non_max_suppression` of YOLOv5 7.0
 */
export async function selectDetections(boxes: ImageBoxes, options: SelectionOptions): Promise<SelectedDetections> {
  const { confidence, iou, box, recorded = Math.min(RECORDED_SCORE, confidence) } = options;
  if (confidence < boxes.floor) throw new RangeError(`Expected boxes down to ${confidence}, got ${boxes.floor}`);
  const { suppression = 'together' } = options;
  const { model, width, height, tile, view, classes } = boxes;
  const { points, candidates, cutOff } =
    view === undefined
      ? await selectInTiles(boxes, { ...options, recorded })
      : selectInViews(
          boxes.tiles.map((each) => each.candidates),
          viewTiles(view, boxes, tile),
          boxes,
          { ...options, suppression, recorded },
        );
  return {
    points,
    file: {
      schema: 2,
      ...{ model, width, height, tile },
      ...(view?.kind === 'tiles' && { overlap: view.overlap }),
      ...(view?.kind === 'letterbox' && { letterbox: { width: view.box.width, height: view.box.height } }),
      ...(view !== undefined && suppression !== 'together' && { suppression }),
      ...{ classes: [...classes], confidence, iou, recorded },
      box: box === undefined ? null : [...box],
      candidates: [...candidates],
    },
    ...(cutOff !== undefined && { cutOff }),
  };
}

/** Selects points in tiles without overlap, each tile by itself. */
async function selectInTiles(
  { tiles }: ImageBoxes,
  options: NmsOptions & { readonly box?: Box; readonly recorded: number },
): Promise<ClassifiedTile & { readonly cutOff?: number }> {
  const selected: ClassifiedTile[] = [];
  for (const { tile, candidates } of tiles) {
    selected.push(classifyCandidates(candidates, tile, options));
    // A tile with many boxes takes long, so let heartbeats run in between.
    await nextTurn();
  }
  return { points: selected.flatMap(({ points }) => points), candidates: candidatesOf(selected) };
}

interface ClassifyOptions extends NmsOptions {
  readonly box?: Box;
  /** Only candidates with a detection score above this are listed. At most the confidence threshold. */
  readonly recorded: number;
}

/** Decides which candidates of a tile are points, and why the others are not. */
function classifyCandidates(candidates: Candidates, tile: ImageTile, options: ClassifyOptions): ClassifiedTile {
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

/**
 * Writes the points of an image as .npy, float32 (n, 3): x, y, class; and its candidates. For an image without points, no
 * .npy is written, as in the record.
 */
export async function writeDetections(
  { points, file }: SelectedDetections,
  out: { readonly points: string; readonly candidates: string },
): Promise<void> {
  await writeFileAtomic(out.candidates, encodeCandidates(file));
  if (points.length === 0) return rm(out.points, { force: true });
  const data = Float32Array.from(
    points.flatMap(({ x, y, label }) => [roundedCoordinate(x), roundedCoordinate(y), label]),
  );
  await writeNpy(out.points, { dtype: 'float32', shape: [points.length, 3], data });
}

/** Concatenates the candidates of all tiles and converts `suppressedBy` to indices in the whole list. */
function candidatesOf(tiles: readonly ClassifiedTile[]): Candidate[] {
  const all: Candidate[] = [];
  for (const tile of tiles) {
    const before = all.length;
    for (const each of tile.candidates) {
      all.push(each.suppressedBy === undefined ? each : { ...each, suppressedBy: before + each.suppressedBy });
    }
  }
  return all;
}

interface ViewsOptions extends NmsOptions {
  readonly suppression: Suppression;
  /** Only points inside this box are kept, borders included; px. */
  readonly box?: Box;
  /** Only candidates with a detection score above this are listed. At most the confidence threshold. */
  readonly recorded: number;
}

/** Outcome of the candidates. `suppressedBy` is an index among the candidates of all tiles. */
interface SelectedInViews extends ClassifiedTile {
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
  const selected = ofTiles.flatMap((outcome, tile) => candidatesOfTile(tile, outcome, candidates[tile], outcomeAt));
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

function candidatesOfTile(
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
