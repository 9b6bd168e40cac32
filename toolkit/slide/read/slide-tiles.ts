import type { PixelBox } from '../../nnunet/sliding-window/non-zero-box.ts';
import { startOfRow, type TileGrid } from '../../nnunet/sliding-window/tile-grid.ts';
import { TissueCounts, type TissueMask } from '../tissue/slide-tissue.ts';

/**
 * Finds the tiles of a slide that must be computed: all that touch tissue. Every pixel of tissue then gets the same result
 * as if the whole slide were computed.
 *
 * @param part - The part of the image that the grid covers, px.
 * @param tissue - Default: every tile is computed.
 * @returns Indices of tile columns in increasing order, one list per tile row.
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

/** A strip: the tile rows from `first` to `end` (excluded) that one worker predicts. */
export interface StripRows {
  readonly first: number;
  readonly end: number;
}

/** Returns the first tile row whose tiles reach into the rows that tile row `row` finishes. */
export function firstRowReaching(grid: TileGrid, row: number): number {
  const from = startOfRow(grid, row);
  let first = row;
  while (first > 0 && startOfRow(grid, first - 1) + grid.patch.height > from) first--;
  return first;
}

/** The fewest tile rows of a strip. Each strip also computes one tile row above it, so that its sums are complete. */
const MIN_ROWS = 12;
const MAX_STRIPS = 32;

/** Chooses the number of strips. Each strip computes one tile row twice, so small strips cost more than they save. */
export function stripCount(tiles: readonly (readonly number[])[]): number {
  const rows = tiles.filter((columns) => columns.length > 0).length;
  return Math.min(MAX_STRIPS, Math.max(1, Math.floor(rows / MIN_ROWS)));
}

/** Splits tile rows into strips of about equally many tiles. Tile rows without tiles are added to a neighbouring strip. */
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
