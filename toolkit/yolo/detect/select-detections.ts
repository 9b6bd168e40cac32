import { rm } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { writeFileAtomic } from '../../files/atomic-write.ts';
import { writeNpy } from '../../numpy/npy.ts';
import { type Candidate, type CandidatesFile, encodeCandidates } from './candidates-file.ts';
import { type ClassifiedTile, classifyCandidates, type SelectedPoint } from './classify-candidates.ts';
import type { ImageBoxes } from './image-boxes.ts';
import type { NmsOptions } from './nms.ts';
import { type Box, roundedCoordinate } from './points.ts';
import { selectInViews } from './select-in-views.ts';
import type { Suppression } from './suppression.ts';
import { viewTiles } from './tile-views.ts';

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
