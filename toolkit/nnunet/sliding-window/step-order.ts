import type { RoiStep } from './roi-job.ts';
import { finishedRows, type Size, tileGrid } from './tile-grid.ts';

/**
 * Tile rows that one fold goes through before the next fold's network is opened. Opening the paper's network costs a
 * third of a tile; the sums of those rows wait on disk meanwhile. Sums of a pixel keep their order: tile rows within
 * a fold, and folds one after the other.
 */
export const ROWS_PER_FOLD = 4;

/**
 * The step after `step`: the next tile row of its group with the same fold, else the group's first row with the next
 * fold, else the next group. `{ row: rows, fold: 0 }` when all is done.
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

/** The steps that come before `step`, in their order. */
export function* stepsBefore(step: RoiStep, rows: number, folds: number): Generator<RoiStep> {
  let at: RoiStep = { row: 0, fold: 0 };
  while (at.row !== step.row || at.fold !== step.fold) {
    yield at;
    at = stepAfter(at, rows, folds);
  }
}

/**
 * Most disk that the partial result of one ROI takes while it is computed: every fold's unfinished rows and the
 * ensemble's sums of a group of tile rows as float32, two of them at a time for a moment, and three bytes per pixel of labels and margins.
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
