import { startOfRow, type TileGrid } from '../../nnunet/sliding-window/tile-grid.ts';

/**
 * The columns of a slide, split where tiles start: segment k reaches from the start of tile column k to that of the next
 * one, and the last segment to the border. Once tile k of a tile row is added, segment k is complete for that row.
 */
export class Segments {
  readonly #grid: TileGrid;
  readonly #tiles: readonly (readonly number[])[];
  /** Per tile row: 1 for each segment that one of its tiles covers. */
  readonly #touched = new Map<number, Uint8Array>();

  constructor(grid: TileGrid, tiles: readonly (readonly number[])[]) {
    this.#grid = grid;
    this.#tiles = tiles;
  }

  get count(): number {
    return this.#grid.columns.length;
  }

  /** Returns the first column of a segment, px in the padded image. */
  startOf(segment: number): number {
    return this.#grid.columns[segment] ?? this.#grid.padded.width;
  }

  widthOf(segment: number): number {
    return this.startOf(segment + 1) - this.startOf(segment);
  }

  /** Returns the index after the last segment that tile `column` covers. */
  endOf(column: number): number {
    const right = this.startOf(column) + this.#grid.patch.width;
    let end = column + 1;
    while (end < this.count && this.startOf(end) < right) end++;
    return end;
  }

  /** Returns whether a segment is covered by a tile of the tile rows `first` to `last` that reaches below `y`. */
  isTouched(segment: number, first: number, last: number, y: number): boolean {
    for (let row = last; row >= first && startOfRow(this.#grid, row) + this.#grid.patch.height > y; row--) {
      if (this.#touchedBy(row)[segment] === 1) return true;
    }
    return false;
  }

  #touchedBy(row: number): Uint8Array {
    const known = this.#touched.get(row);
    if (known !== undefined) return known;
    const touched = new Uint8Array(this.count);
    for (const column of this.#tiles[row] ?? []) touched.fill(1, column, this.endOf(column));
    this.#touched.set(row, touched);
    return touched;
  }
}
