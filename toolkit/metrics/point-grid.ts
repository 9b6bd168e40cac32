/** Position of a point, in px. */
interface Position {
  readonly x: number;
  readonly y: number;
}

/** Maximum number of buckets per point: sparse points get larger buckets instead of more. */
const BUCKETS_PER_POINT = 4;

/**
 * Points sorted into square buckets, listed bucket by bucket and row by row, so that a neighbourhood of three rows of
 * buckets is three contiguous runs of the list.
 */
export class PointGrid {
  /** Indices of the points, bucket by bucket. */
  readonly order: Int32Array;
  /** Coordinates in that order, in px. */
  readonly x: Float64Array;
  readonly y: Float64Array;
  readonly #side: number;
  readonly #left: number;
  readonly #top: number;
  readonly #columns: number;
  readonly #rows: number;
  /** Start of each bucket in the list, and the end of the last. */
  readonly #starts: Int32Array;

  /**
   * @param points - Finite coordinates in px; at least one.
   * @param side - Smallest side of a bucket in px; above 0.
   */
  constructor(points: readonly Position[], side: number) {
    const count = points.length;
    let [left, right, top, bottom] = [Infinity, -Infinity, Infinity, -Infinity];
    for (const { x, y } of points) {
      if (x < left) left = x;
      if (x > right) right = x;
      if (y < top) top = y;
      if (y > bottom) bottom = y;
    }
    const [width, height] = [right - left, bottom - top];
    const maxBuckets = BUCKETS_PER_POINT * count;
    this.#side = Math.max(side, Math.sqrt((width * height) / maxBuckets), width / maxBuckets, height / maxBuckets);
    this.#left = left;
    this.#top = top;
    this.#columns = Math.floor(width / this.#side) + 1;
    this.#rows = Math.floor(height / this.#side) + 1;
    this.#starts = new Int32Array(this.#columns * this.#rows + 1);
    this.order = new Int32Array(count);
    this.x = new Float64Array(count);
    this.y = new Float64Array(count);
    this.#fill(points);
  }

  /** Returns the row of buckets for a y coordinate; may be outside the grid. */
  rowOf(y: number): number {
    return Math.floor((y - this.#top) / this.#side);
  }

  /** Returns the start of the run of a row that begins with the bucket left of `x`. */
  runStart(row: number, x: number): number {
    const column = Math.min(Math.max(this.#columnOf(x) - 1, 0), this.#columns);
    return this.#startOf(row, column);
  }

  /** Returns the end (exclusive) of that run, which includes the bucket right of `x`. */
  runEnd(row: number, x: number): number {
    const column = Math.min(Math.max(this.#columnOf(x) + 2, 0), this.#columns);
    return this.#startOf(row, column);
  }

  #startOf(row: number, column: number): number {
    if (row < 0 || row >= this.#rows) return 0;
    return this.#starts[row * this.#columns + column] ?? 0;
  }

  #columnOf(x: number): number {
    return Math.floor((x - this.#left) / this.#side);
  }

  /** Fills the list by counting sort, which keeps the order of the points within a bucket. */
  #fill(points: readonly Position[]): void {
    const starts = this.#starts;
    const buckets = Int32Array.from(points, ({ x, y }) => this.rowOf(y) * this.#columns + this.#columnOf(x));
    for (const bucket of buckets) starts[bucket + 1] = (starts[bucket + 1] ?? 0) + 1;
    for (let bucket = 1; bucket < starts.length; bucket++)
      starts[bucket] = (starts[bucket] ?? 0) + (starts[bucket - 1] ?? 0);
    const next = starts.slice();
    for (let index = 0; index < buckets.length; index++) {
      const bucket = buckets[index] ?? 0;
      const slot = next[bucket] ?? 0;
      next[bucket] = slot + 1;
      this.order[slot] = index;
      this.x[slot] = points[index]?.x ?? 0;
      this.y[slot] = points[index]?.y ?? 0;
    }
  }
}
