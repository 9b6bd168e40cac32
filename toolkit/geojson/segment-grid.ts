const NONE = -1;
const FEWEST_NODES = 1_024;
/** Side of the smallest cell, px. Smaller ones would not contain fewer segments, because corners are on whole pixels. */
const SMALLEST_CELL = 4;

/** Area covered by a grid, px; corners included. */
export interface Bounds {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/**
 * Finds segments near a line, using a grid in which each segment is listed in every cell that it crosses. Segments are
 * identified by numbers and never removed, so callers must check whether a segment still exists.
 */
export class SegmentGrid {
  readonly #bounds: Bounds;
  readonly #cell: number;
  readonly #columns: number;
  readonly #rows: number;
  /** Latest list node of every cell. */
  readonly #heads: Int32Array;
  /** List nodes: segment and previous node, alternating. */
  #nodes = new Int32Array(2 * FEWEST_NODES);
  #count = 0;

  /** @param segments - Expected number of segments. The grid gets about as many cells. */
  constructor(bounds: Bounds, segments: number) {
    const [width, height] = [bounds.right - bounds.left + 1, bounds.bottom - bounds.top + 1];
    this.#bounds = bounds;
    this.#cell = Math.max(SMALLEST_CELL, Math.ceil(Math.sqrt((width * height) / Math.max(1, segments))));
    this.#columns = Math.ceil(width / this.#cell);
    this.#rows = Math.ceil(height / this.#cell);
    this.#heads = new Int32Array(this.#columns * this.#rows).fill(NONE);
  }

  /** Adds the segment from (x1, y1) to (x2, y2). */
  add(segment: number, x1: number, y1: number, x2: number, y2: number): void {
    this.#cellsNear(x1, y1, x2, y2, 0, (cell) => {
      this.#push(segment, cell);
      return true;
    });
  }

  /**
   * Returns whether all segments within `distance` px of a line pass a test. Stops at the first that does not. Segments
   * farther away may be tested too, and a segment may be tested several times.
   */
  everyNear(
    x1: number,
    y1: number,
    x2: number,
    y2: number,
    distance: number,
    test: (segment: number) => boolean,
  ): boolean {
    return this.#cellsNear(x1, y1, x2, y2, distance, (cell) => {
      for (let node = this.#heads[cell] ?? NONE; node !== NONE; node = this.#nodes[2 * node + 1] ?? NONE) {
        if (!test(this.#nodes[2 * node] ?? NONE)) return false;
      }
      return true;
    });
  }

  #push(segment: number, cell: number): void {
    if (2 * this.#count + 2 > this.#nodes.length) {
      const grown = new Int32Array(2 * this.#nodes.length);
      grown.set(this.#nodes);
      this.#nodes = grown;
    }
    this.#nodes[2 * this.#count] = segment;
    this.#nodes[2 * this.#count + 1] = this.#heads[cell] ?? NONE;
    this.#heads[cell] = this.#count++;
  }

  /** Visits the cells that a line crosses, row by row, widened by `distance` on all sides. */
  #cellsNear(
    x1: number,
    y1: number,
    x2: number,
    y2: number,
    distance: number,
    visit: (cell: number) => boolean,
  ): boolean {
    const { left, top } = this.#bounds;
    const size = this.#cell;
    const first = this.#row(Math.min(y1, y2) - distance);
    const last = this.#row(Math.max(y1, y2) + distance);
    for (let row = first; row <= last; row++) {
      const from = xAt(x1, y1, x2, y2, top + row * size - distance);
      const to = xAt(x1, y1, x2, y2, top + (row + 1) * size + distance);
      const flat = y1 === y2;
      const low = (flat ? Math.min(x1, x2) : Math.min(from, to)) - distance;
      const high = (flat ? Math.max(x1, x2) : Math.max(from, to)) + distance;
      const lastColumn = clamp(Math.floor((high - left) / size), this.#columns);
      for (let column = clamp(Math.floor((low - left) / size), this.#columns); column <= lastColumn; column++) {
        if (!visit(row * this.#columns + column)) return false;
      }
    }
    return true;
  }

  #row(y: number): number {
    return clamp(Math.floor((y - this.#bounds.top) / this.#cell), this.#rows);
  }
}

/** Returns x of a line at height y, or of its nearer end if y is beyond it. */
function xAt(x1: number, y1: number, x2: number, y2: number, y: number): number {
  if (y1 === y2) return x1;
  const along = (y - y1) / (y2 - y1);
  return x1 + Math.min(1, Math.max(0, along)) * (x2 - x1);
}

function clamp(place: number, count: number): number {
  return Math.min(count - 1, Math.max(0, place));
}
