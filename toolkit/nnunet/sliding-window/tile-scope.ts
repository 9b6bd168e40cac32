import type { TileGrid } from './tile-grid.ts';

/** `full`: every pixel is predicted; `annotated`: only tiles that contain an annotated pixel. */
export type Scope = 'full' | 'annotated';

/** Value of mask pixels that were not predicted. */
export const NOT_PREDICTED = 255;

const FIRST_ANNOTATED = 1;
const LAST_ANNOTATED = 16;

/** Returns whether a ground truth value counts in the evaluation: 0 is unannotated, values above 16 are not labels. */
export function isAnnotated(truth: number): boolean {
  return truth >= FIRST_ANNOTATED && truth <= LAST_ANNOTATED;
}

/**
 * Returns the columns of the tiles to predict in each tile row.
 *
 * @param truth - image.height x image.width uint8 labels; without it, all tiles are predicted.
 * @returns First columns in px in the padded image, ascending, one list per tile row.
 */
export function tilesInScope(grid: TileGrid, truth?: Uint8Array): readonly (readonly number[])[] {
  if (truth === undefined) return grid.rows.map(() => grid.columns);
  return grid.rows.map((top) => {
    const before = annotatedBefore(grid, truth, top);
    return grid.columns.filter((left) => {
      const from = columnOfImage(grid, left);
      const to = columnOfImage(grid, left + grid.patch.width);
      return (before[to] ?? 0) > (before[from] ?? 0);
    });
  });
}

/** Counts, for the rows of one tile row, the image columns before each x that contain an annotated pixel. */
function annotatedBefore(grid: TileGrid, truth: Uint8Array, top: number): Uint32Array {
  const { width, height } = grid.image;
  const holds = new Uint8Array(width);
  const from = Math.max(0, top - grid.offset.y);
  const to = Math.min(height, top + grid.patch.height - grid.offset.y);
  for (let y = from; y < to; y++) {
    for (let x = 0; x < width; x++) {
      if (isAnnotated(truth[y * width + x] ?? 0)) holds[x] = 1;
    }
  }
  const before = new Uint32Array(width + 1);
  for (let x = 0; x < width; x++) before[x + 1] = (before[x] ?? 0) + (holds[x] ?? 0);
  return before;
}

/** Converts a column of the padded image to one of the image, clamped to its width. */
function columnOfImage(grid: TileGrid, column: number): number {
  return Math.min(Math.max(column - grid.offset.x, 0), grid.image.width);
}
