import { TissueCounts, type TissueMask } from '../tissue/slide-tissue.ts';

/** A tile of a slide in which cells are detected, px. */
export interface CellTile {
  /** Number of the tile, row by row. */
  readonly index: number;
  /** Its row of tiles. */
  readonly row: number;
  readonly left: number;
  readonly top: number;
  /** A cell belongs to the tile if its centre is in the core (ends excluded). Neighbouring cores overlap slightly. */
  readonly core: { readonly left: number; readonly top: number; readonly right: number; readonly bottom: number };
}

/** px by which neighbouring tiles overlap: 32 µm at 0.5 µm/px, wider than any cell. */
const OVERLAP = 64;
/** px by which neighbouring cores overlap, so that a cell at a seam is in at least one of them. */
const SHARED = 16;

/** Returns by how many px neighbouring tiles overlap: at most a quarter of the tile. */
function overlapOf(size: number): number {
  return Math.min(OVERLAP, Math.floor(size / 4));
}

/**
 * Lays overlapping tiles over a slide and returns those whose core touches tissue. A cell cut off in one tile is whole in
 * the next.
 *
 * @param size - Side of a tile, px.
 * @param tissue - Default: all tiles are returned.
 */
export function cellTiles(
  { width, height }: { readonly width: number; readonly height: number },
  size: number,
  tissue?: TissueMask,
): { readonly tiles: readonly CellTile[]; readonly total: number } {
  const overlap = overlapOf(size);
  const [columns, rows] = [starts(width, size, overlap), starts(height, size, overlap)];
  const counts = tissue === undefined ? undefined : new TissueCounts(tissue);
  const tiles: CellTile[] = [];
  for (const [row, top] of rows.entries()) {
    for (const [column, left] of columns.entries()) {
      const [x1, x2] = coreOf(columns, column, width, size, overlap);
      const [y1, y2] = coreOf(rows, row, height, size, overlap);
      if (counts?.touches(x1, y1, x2, y2) === false) continue;
      tiles.push({
        index: row * columns.length + column,
        row,
        left,
        top,
        core: { left: x1, top: y1, right: x2, bottom: y2 },
      });
    }
  }
  return { tiles, total: rows.length * columns.length };
}

/** Returns where tiles start along one axis. The last tile ends at the border. */
function starts(length: number, size: number, overlap: number): readonly number[] {
  if (length <= size) return [0];
  const count = Math.ceil((length - overlap) / (size - overlap));
  return Array.from({ length: count }, (_, k) => Math.min(k * (size - overlap), length - size));
}

/** Returns the core of a tile along one axis: from the middle of one overlap to the middle of the next, plus some slack. */
function coreOf(
  all: readonly number[],
  index: number,
  length: number,
  size: number,
  overlap: number,
): readonly [number, number] {
  const [before, start, after] = [all[index - 1], all[index] ?? 0, all[index + 1]];
  const slack = Math.min(SHARED, overlap / 2) / 2;
  const from = before === undefined ? 0 : (before + size + start) / 2 - slack;
  const to = after === undefined ? length : (start + size + after) / 2 + slack;
  return [from, to];
}
