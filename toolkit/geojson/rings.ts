/**
 * A closed line: x, y, x, y, ... in px from index `from` to `to` of `corners`. The first corner is not repeated at the end.
 * Indices are used because a typed-array view per ring would take more memory than the corners of a million rings.
 */
export interface Ring {
  readonly corners: ArrayLike<number>;
  readonly from: number;
  readonly to: number;
}

const FIRST_CAPACITY = 4_096;

/**
 * Rings of many regions in two typed arrays, because millions of corners would not fit into memory as objects. Corners are
 * x, y in px. The first corner of a ring is not repeated at its end.
 */
export class RingStore {
  #corners = new Int32Array(2 * FIRST_CAPACITY);
  #used = 0;
  /** Region and end of every ring, alternating. */
  #rings = new Uint32Array(2 * FIRST_CAPACITY);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** Adds a ring. @param corners - x, y, x, y, ..., from index `from` on. */
  add(region: number, corners: readonly number[], from = 0): void {
    const length = corners.length - from;
    while (this.#used + length > this.#corners.length) this.#corners = grown(this.#corners, Int32Array);
    if (2 * this.#count + 2 > this.#rings.length) this.#rings = grown(this.#rings, Uint32Array);
    for (let at = from; at < corners.length; at++) this.#corners[this.#used++] = corners[at] ?? 0;
    this.#rings[2 * this.#count] = region;
    this.#rings[2 * this.#count + 1] = this.#used;
    this.#count++;
  }

  regionOf(ring: number): number {
    return this.#rings[2 * ring] ?? 0;
  }

  /** Returns a ring, which is valid until the next one is added. */
  ringAt(ring: number): Ring {
    const from = ring === 0 ? 0 : (this.#rings[2 * ring - 1] ?? 0);
    return { corners: this.#corners, from, to: this.#rings[2 * ring + 1] ?? 0 };
  }
}

function grown<Numbers extends Int32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>>(
  before: Numbers,
  make: new (length: number) => Numbers,
): Numbers {
  const after = new make(2 * before.length);
  after.set(before);
  return after;
}

/**
 * Computes twice the signed area of a ring in px². It is positive if the ring is counter-clockwise with y pointing upwards,
 * which is clockwise on a screen, where y points downwards.
 */
export function doubleArea({ corners, from, to }: Ring): number {
  let sum = 0;
  for (let at = from; at < to; at += 2) {
    const next = at + 2 === to ? from : at + 2;
    sum += (corners[at] ?? 0) * (corners[next + 1] ?? 0) - (corners[next] ?? 0) * (corners[at + 1] ?? 0);
  }
  return sum;
}

const NONE = -1;
const FEWEST_NODES = 1_024;
/** Side of the smallest cell, px. Smaller ones would not contain fewer segments, because corners are on whole pixels. */
const SMALLEST_CELL = 4;

/** Area covered by a grid, px; corners included. */
interface Bounds {
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
