import type { PixelBox } from '../../nnunet/sliding-window/non-zero-box.ts';
import { startOfRow, type TileGrid } from '../../nnunet/sliding-window/tile-grid.ts';
import { TissueCounts, type TissueMask } from '../tissue/tissue-mask.ts';

/**
 * The tiles of a slide that are computed: all that touch tissue, so that every pixel of tissue gets what all tiles over it
 * say, as if the whole slide were computed.
 *
 * @param part - The part of the picture that the grid lies over, px.
 * @param tissue - Without it, every tile is taken.
 * @returns Numbers of tile columns, increasing, one list per tile row.
 */
export function slideTiles(
  grid: TileGrid,
  part: PixelBox,
  tissue: TissueMask | undefined,
): readonly (readonly number[])[] {
  const all = grid.columns.map((_, column) => column);
  if (tissue === undefined) return grid.rows.map(() => all);
  const counts = new TissueCounts(tissue);
  const toX = (x: number) => part.left + x - grid.offset.x;
  const toY = (y: number) => part.top + y - grid.offset.y;
  return grid.rows.map((top) =>
    all.filter((column) => {
      const left = grid.columns[column] ?? 0;
      return counts.touches(toX(left), toY(top), toX(left + grid.patch.width), toY(top + grid.patch.height));
    }),
  );
}

/** Tile rows that one worker computes: those from `first` to before `end` are its result. */
export interface StripRows {
  readonly first: number;
  readonly end: number;
}

/** The first tile row whose tiles reach into the rows that tile row `row` finishes. */
export function firstRowReaching(grid: TileGrid, row: number): number {
  const from = startOfRow(grid, row);
  let first = row;
  while (first > 0 && startOfRow(grid, first - 1) + grid.patch.height > from) first--;
  return first;
}

/** Tile rows of a strip at least: one more is computed above each one, so that all sums are whole. */
const MIN_ROWS = 12;
const MAX_STRIPS = 32;

/** How many strips a slide is worth: each computes one tile row twice, so that small ones cost more than they save. */
export function stripCount(tiles: readonly (readonly number[])[]): number {
  const rows = tiles.filter((columns) => columns.length > 0).length;
  return Math.min(MAX_STRIPS, Math.max(1, Math.floor(rows / MIN_ROWS)));
}

/** Splits tile rows into strips of about as many tiles each; tile rows without tiles go with their neighbours. */
export function stripsOf(tiles: readonly (readonly number[])[], strips: number): readonly StripRows[] {
  const total = tiles.reduce((sum, row) => sum + row.length, 0);
  const found: StripRows[] = [];
  let [first, done] = [0, 0];
  for (const [row, columns] of tiles.entries()) {
    done += columns.length;
    const isLast = row === tiles.length - 1;
    if (isLast || done >= ((found.length + 1) * total) / strips) {
      if (!isLast && found.length + 1 >= strips) continue;
      found.push({ first, end: row + 1 });
      first = row + 1;
    }
  }
  return found;
}
