import type { CellPoint } from '../dataset/cell-point.ts';
import { BallTree } from './ball-tree.ts';
import { ConfusionMatrix } from './confusion-matrix.ts';
import { PointGrid } from './point-grid.ts';

/**
 * Which of two equally near predictions is matched: the one that scikit-learn's tree lists first, as in the authors'
 * code, or the first in the list of predictions.
 */
export type TieOrder = 'tree' | 'lowest-index';

/** How points are matched. */
export interface MatchOptions {
  /** Largest distance of a match in px, inclusive. */
  readonly radius: number;
  readonly tieOrder?: TieOrder;
}

/** Beyond it, in px, the roundings below are no longer as small as assumed. */
const MAX_COORDINATE = 1e6;
/** Squared distances that differ by less, relatively, count as a tie until the tree has said otherwise. */
const CLOSE = 1e-12;
/** Distances this near to the radius, relatively and squared, are the tree's to judge: its balls round them. */
const NEAR_RADIUS = 1e-6;
/** Cells are a little larger than the radius, so that rounding puts no point two cells away. */
const CELL_PER_RADIUS = 1.001;

/** Predictions that truths are looked up in; made once, used for any number of readers. */
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
   * Pairs truths with predictions greedily, in the order of the truths: each takes the nearest prediction within the
   * radius that is still free.
   *
   * The authors sort the candidates by distance with scikit-learn's sort. It keeps the order of equals among up to 15
   * candidates and may not among more; here it is always kept.
   *
   * A grid finds the nearest one. scikit-learn's tree, which is slower, is asked where its order or its roundings
   * decide: when two are equally near, or one is on the circle.
   *
   * @returns For each truth the index of its prediction, or -1.
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
      const side = radius * CELL_PER_RADIUS || 1;
      this.#madeGrid = { radius, grid: new PointGrid(this.points, side) };
    }
    return this.#madeGrid.grid;
  }

  /**
   * Counts what {@link match} pairs: a pair at its two classes, a truth without prediction in the last column, a
   * prediction without truth in the last row.
   *
   * @param classes - Number of classes; those of all points are below it.
   * @returns (classes + 1) × (classes + 1) counts, rows truth, columns prediction.
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

/** The nearest free point; NONE where the circle is empty, ASK_TREE where equals or roundings decide. */
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
  const isClear = best === NONE || (!isTie && nearest < limit * (1 - NEAR_RADIUS));
  return isClear ? best : ASK_TREE;
}
