import { BallTree } from './ball-tree.ts';
import { ConfusionMatrix } from './confusion-matrix.ts';
import type { CellPoint } from './points-file.ts';

/**
 * Which of several equally near predictions is matched: the first in scikit-learn's tree, as in the authors' code, or
 * the first in the list of predictions.
 */
export type TieOrder = 'tree' | 'lowest-index';

/** How points are matched. */
export interface MatchOptions {
  /** Largest distance of a match in px, inclusive. */
  readonly radius: number;
  readonly tieOrder?: TieOrder;
}

/** Up to this coordinate, in px, rounding errors are as small as the limits below assume. */
const MAX_COORDINATE = 1e6;
/** Squared distances with a smaller relative difference count as a possible tie, which the tree resolves. */
const CLOSE = 1e-12;
/**
 * Squared distances with a smaller relative difference from the squared radius are left to the tree, whose balls round
 * them.
 */
const NEAR_RADIUS = 1e-6;
/** Buckets are slightly larger than the radius, so that rounding never moves a neighbour two buckets away. */
const BUCKET_PER_RADIUS = 1.001;

/** Predicted points of an image with their search structures, which are shared by all readers. */
export class PredictedPoints {
  readonly points: readonly CellPoint[];
  readonly #isGridSound: boolean;
  #madeTree: BallTree | undefined;
  #madeGrid: { readonly radius: number; readonly grid: PointGrid } | undefined;

  constructor(points: readonly CellPoint[]) {
    this.points = points;
    const isSmall = (value: number) => Math.abs(value) <= MAX_COORDINATE;
    this.#isGridSound = points.length > 0 && points.every(({ x, y }) => isSmall(x) && isSmall(y));
  }

  /**
   * Matches ground-truth points with predictions greedily, in the order of the ground truth: each point gets the
   * nearest unmatched prediction within the radius.
   *
   * The authors sort the candidates by distance with scikit-learn's sort. It keeps the order of equal distances for up
   * to 15 candidates, but not necessarily for more; here the order is always kept.
   *
   * A grid finds the nearest prediction. scikit-learn's tree, which is slower, is used only where its order or rounding
   * decides: if two are equally near, or one is on the circle.
   *
   * @returns For each ground-truth point the index of its prediction, or -1.
   */
  match(truth: readonly CellPoint[], { radius, tieOrder = 'tree' }: MatchOptions): Int32Array {
    const isTaken = new Uint8Array(this.points.length);
    const pairs = new Int32Array(truth.length);
    const grid = this.#isGridSound ? this.#gridFor(radius) : undefined;
    for (let k = 0; k < pairs.length; k++) {
      const { x = 0, y = 0 } = truth[k] ?? {};
      let best = grid === undefined ? ASK_TREE : nearestInGrid(grid, x, y, radius, isTaken);
      if (best === ASK_TREE) best = this.#nearestInTree(x, y, radius, tieOrder, isTaken);
      if (best >= 0) isTaken[best] = 1;
      pairs[k] = best;
    }
    return pairs;
  }

  #nearestInTree(x: number, y: number, radius: number, tieOrder: TieOrder, isTaken: Uint8Array): number {
    this.#madeTree ??= new BallTree(this.points);
    const { count, indices, distances } = this.#madeTree.within(x, y, radius);
    let best = NONE;
    let nearest = Number.POSITIVE_INFINITY;
    for (let k = 0; k < count; k++) {
      const index = indices[k] ?? 0;
      const distance = distances[k] ?? 0;
      if (isTaken[index] === 1) continue;
      const isNearer = distance < nearest || (distance === nearest && tieOrder === 'lowest-index' && index < best);
      if (!isNearer) continue;
      best = index;
      nearest = distance;
    }
    return best;
  }

  #gridFor(radius: number): PointGrid {
    if (this.#madeGrid?.radius !== radius) {
      const side = radius * BUCKET_PER_RADIUS || 1;
      this.#madeGrid = { radius, grid: new PointGrid(this.points, side) };
    }
    return this.#madeGrid.grid;
  }

  /**
   * Counts the result of {@link match}: a pair at its two classes, a ground-truth point without prediction in the last
   * column, a prediction without ground truth in the last row.
   *
   * @param classes - Number of classes; the class of every point must be smaller.
   * @returns (classes + 1) × (classes + 1) counts, rows ground truth, columns prediction.
   */
  confusion(truth: readonly CellPoint[], classes: number, options: MatchOptions): ConfusionMatrix {
    const side = classes + 1;
    const counts = new Float64Array(side * side);
    const add = (row: number, column: number) => {
      counts[row * side + column] = (counts[row * side + column] ?? 0) + 1;
    };
    const isMatched = new Uint8Array(this.points.length);
    const pairs = this.match(truth, options);
    for (let k = 0; k < pairs.length; k++) {
      const index = pairs[k] ?? NONE;
      add(truth[k]?.class ?? classes, index === NONE ? classes : (this.points[index]?.class ?? classes));
      if (index !== NONE) isMatched[index] = 1;
    }
    for (let index = 0; index < isMatched.length; index++) {
      if (isMatched[index] === 0) add(classes, this.points[index]?.class ?? classes);
    }
    return new ConfusionMatrix(side, counts);
  }
}

const NONE = -1;
const ASK_TREE = -2;

/** Finds the nearest unmatched point. Returns NONE if the circle is empty, ASK_TREE if a tie or rounding decides. */
function nearestInGrid(grid: PointGrid, x: number, y: number, radius: number, isTaken: Uint8Array): number {
  const limit = radius * radius;
  const outer = limit * (1 + NEAR_RADIUS);
  let best = NONE;
  let nearest = outer;
  let isTie = false;
  const middle = grid.rowOf(y);
  for (let row = middle - 1; row <= middle + 1; row++) {
    const end = grid.runEnd(row, x);
    for (let place = grid.runStart(row, x); place < end; place++) {
      const dx = x - (grid.x[place] ?? 0);
      const dy = y - (grid.y[place] ?? 0);
      const squared = dx * dx + dy * dy;
      if (squared > nearest * (1 + CLOSE)) continue;
      const index = grid.order[place] ?? 0;
      if (isTaken[index] === 1) continue;
      isTie = best !== NONE && squared >= nearest * (1 - CLOSE);
      best = index;
      nearest = Math.min(nearest, squared);
    }
  }
  const isCertain = best === NONE || (!isTie && nearest < limit * (1 - NEAR_RADIUS));
  return isCertain ? best : ASK_TREE;
}

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
class PointGrid {
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
