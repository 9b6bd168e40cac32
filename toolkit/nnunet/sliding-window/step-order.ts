import type { RoiStep } from './roi-job.ts';
import { finishedRows, type Size, tileGrid } from './tile-grid.ts';

/**
 * Tile rows that are predicted with one fold before the network of the next fold is opened, which for the paper's takes
 * a third of the time of a tile. Meanwhile, the sums of those rows are on disk. The sums of a pixel keep their order:
 * tile rows within a fold, then fold by fold.
 */
export const ROWS_PER_FOLD = 4;

/**
 * Returns the next step: the next tile row of its group with the same fold, else the group's first row with the next
 * fold, else the next group. `{ row: rows, fold: 0 }` if there is none.
 *
 * @param rows - Tile rows of the image.
 * @param folds - Networks of the ensemble.
 */
export function stepAfter({ row, fold }: RoiStep, rows: number, folds: number): RoiStep {
  const first = row - (row % ROWS_PER_FOLD);
  const end = Math.min(first + ROWS_PER_FOLD, rows);
  if (row + 1 < end) return { row: row + 1, fold };
  if (fold + 1 < folds) return { row: first, fold: fold + 1 };
  return { row: end, fold: 0 };
}

/** Yields the steps before `step`, in order. */
export function* stepsBefore(step: RoiStep, rows: number, folds: number): Generator<RoiStep> {
  let at: RoiStep = { row: 0, fold: 0 };
  while (at.row !== step.row || at.fold !== step.fold) {
    yield at;
    at = stepAfter(at, rows, folds);
  }
}

/**
 * Computes the peak disk space of one ROI's partial result: as float32, the unfinished rows of each fold and the
 * ensemble sums of a group of tile rows, each with one more file while it is replaced; and three bytes per pixel of
 * labels and confidences.
 *
 * @param image - px
 * @param model - Tile size in px, classes and folds.
 * @returns Bytes.
 */
export function partialRoiBytes(
  image: Size,
  model: { readonly patch: Size; readonly classes: number; readonly folds: number },
): number {
  const grid = tileGrid(image, model.patch);
  const rowBytes = grid.padded.width * model.classes * Float32Array.BYTES_PER_ELEMENT;
  const finished = grid.rows.map((_, row) => {
    const { from, to } = finishedRows(grid, row);
    return to - from;
  });
  const mostCarried = model.patch.height - Math.min(...finished);
  const carries = (model.folds + 1) * mostCarried * rowBytes;
  const ensembles = (Math.min(ROWS_PER_FOLD, grid.rows.length) + 1) * Math.max(...finished) * rowBytes;
  return carries + ensembles + 3 * image.height * image.width;
}
