import { indexedPng } from '../../image/encode-png.ts';
import { type PictureSize, pyramidSizes, ZOOM_TILE, type ZoomLayer, type ZoomTile } from '../../slide/deep-zoom.ts';

type Rgb = readonly [number, number, number];

/** Radius of a cell marker at the largest level and at each smaller one, px. */
const RADII = [6, 4, 2.5, 1.5, 1];
/** From this radius on, px, a marker is a ring, so that it does not hide the cell. */
const RING_FROM = 4;
/** Width of the ring, px. */
const RING = 2;
const OPAQUE = 255;
const RIM_COLOUR = [20, 20, 20, 160] as const;

/** Cells as three numbers each: x, y, class; in px of the layer's largest level. */
export type PlacedCells = Float32Array;

/**
 * Makes a layer of cell markers in the colours of their classes: rings in large levels, dots in small ones. Every level is
 * drawn separately, so that cells stay visible in small levels.
 *
 * @param size - Size of the largest level, px.
 * @param colours - By class; at most 254.
 */
export function cellsLayer(cells: PlacedCells, size: PictureSize, colours: readonly Rgb[]): ZoomLayer {
  const rim = colours.length + 1;
  const palette = [[0, 0, 0, 0] as const, ...colours.map((colour) => [...colour, OPAQUE] as const), RIM_COLOUR];
  const squares = new CellSquares(cells, size);
  return {
    format: 'png',
    levels: pyramidSizes(size, ZOOM_TILE),
    async encode(tile) {
      const radius = RADII[Math.min(tile.level, RADII.length - 1)] ?? 1;
      const found = squares.around(tile, radius + 1);
      const data = new Uint8Array(tile.width * tile.height);
      const scale = 2 ** -tile.level;
      const mark = (cell: number, outer: number, inner: number, value?: number) => {
        const [x = 0, y = 0, of = 0] = cells.subarray(3 * cell, 3 * cell + 3);
        fillRing(data, tile, x * scale - tile.left, y * scale - tile.top, outer, inner, value ?? of + 1);
      };
      const isRing = radius >= RING_FROM;
      if (isRing) for (const cell of found) mark(cell, radius + 1, radius, rim);
      for (const cell of found) mark(cell, radius, isRing ? radius - RING : 0);
      if (data.every((value) => value === 0)) return undefined;
      return indexedPng({ width: tile.width, height: tile.height, data }, palette);
    },
  };
}

/** Fills a ring around a point, from radius `inner` to `outer`, px. */
function fillRing(
  data: Uint8Array,
  tile: PictureSize,
  x: number,
  y: number,
  outer: number,
  inner: number,
  value: number,
): void {
  const [top, bottom] = [Math.max(0, Math.ceil(y - outer)), Math.min(tile.height - 1, Math.floor(y + outer))];
  for (let row = top; row <= bottom; row++) {
    const half = Math.sqrt(outer * outer - (row - y) ** 2);
    const [from, to] = [Math.max(0, Math.ceil(x - half)), Math.min(tile.width - 1, Math.floor(x + half))];
    for (let column = from; column <= to; column++) {
      if ((column - x) ** 2 + (row - y) ** 2 >= inner * inner) data[row * tile.width + column] = value;
    }
  }
}

/** Index of the cells by tile of the largest level. */
class CellSquares {
  readonly #cells: PlacedCells;
  readonly #across: number;
  readonly #down: number;
  /** Where the cells of each square start in `#sorted`, and the end of the last. */
  readonly #starts: Uint32Array;
  /** Indices of the cells, sorted by square. */
  readonly #sorted: Uint32Array;

  constructor(cells: PlacedCells, { width, height }: PictureSize) {
    this.#cells = cells;
    this.#across = Math.max(1, Math.ceil(width / ZOOM_TILE));
    this.#down = Math.max(1, Math.ceil(height / ZOOM_TILE));
    const count = cells.length / 3;
    const squares = Uint32Array.from({ length: count }, (_, cell) => this.#squareOf(cell));
    this.#starts = new Uint32Array(this.#across * this.#down + 1);
    for (const square of squares) this.#starts[square + 1] = (this.#starts[square + 1] ?? 0) + 1;
    for (let at = 1; at < this.#starts.length; at++) {
      this.#starts[at] = (this.#starts[at] ?? 0) + (this.#starts[at - 1] ?? 0);
    }
    const next = Uint32Array.from(this.#starts);
    this.#sorted = new Uint32Array(count);
    for (const [cell, square] of squares.entries()) {
      const at = next[square] ?? 0;
      this.#sorted[at] = cell;
      next[square] = at + 1;
    }
  }

  /** Finds the cells of a tile and those whose markers reach into it. @param reach - px of the tile's level. */
  around({ level, left, top, width, height }: ZoomTile, reach: number): readonly number[] {
    const scale = 2 ** level;
    const [x1, y1] = [(left - reach) * scale, (top - reach) * scale];
    const [x2, y2] = [(left + width + reach) * scale, (top + height + reach) * scale];
    const found: number[] = [];
    const last = { row: clamped(y2, this.#down), column: clamped(x2, this.#across) };
    for (let row = clamped(y1, this.#down); row <= last.row; row++) {
      for (let column = clamped(x1, this.#across); column <= last.column; column++) {
        const square = row * this.#across + column;
        for (let at = this.#starts[square] ?? 0; at < (this.#starts[square + 1] ?? 0); at++) {
          const cell = this.#sorted[at] ?? 0;
          const [x = 0, y = 0] = this.#cells.subarray(3 * cell, 3 * cell + 2);
          if (x >= x1 && x < x2 && y >= y1 && y < y2) found.push(cell);
        }
      }
    }
    return found;
  }

  #squareOf(cell: number): number {
    const [x = 0, y = 0] = this.#cells.subarray(3 * cell, 3 * cell + 2);
    return clamped(y, this.#down) * this.#across + clamped(x, this.#across);
  }
}

/** Returns the square of a coordinate, clamped to the grid. */
function clamped(coordinate: number, count: number): number {
  return Math.min(count - 1, Math.max(0, Math.floor(coordinate / ZOOM_TILE)));
}
