import type { CellPoint } from '../dataset/readers.ts';
import { BallTree } from './ball-tree.ts';
import { ConfusionMatrix } from './confusion-matrix.ts';

/**
 * Which of two equally near predictions is taken: the one that scikit-learn's tree lists first, as in the authors' code,
 * or the one that stands first in the predictions.
 */
export type TieOrder = 'tree' | 'lowest-index';

export interface MatchOptions {
  /** Largest distance of a match in px, inclusive. */
  readonly radius: number;
  readonly tieOrder?: TieOrder;
}

/** Predictions that truths are looked up in; made once, used for any number of readers. */
export class PredictedPoints {
  readonly points: readonly CellPoint[];
  readonly #tree: BallTree;

  constructor(points: readonly CellPoint[]) {
    this.points = points;
    this.#tree = new BallTree(points);
  }

  /**
   * Pairs truths with predictions greedily, in the order of the truths: each takes the nearest prediction within the
   * radius that is still free.
   *
   * The authors sort the candidates by distance with scikit-learn's sort. It keeps the order of equals among up to 15
   * candidates and may not among more; here it is always kept.
   *
   * @returns For each truth the index of its prediction, or -1.
   */
  match(truth: readonly CellPoint[], { radius, tieOrder = 'tree' }: MatchOptions): Int32Array {
    const isTaken = new Uint8Array(this.points.length);
    return Int32Array.from(truth, ({ x, y }) => {
      const { count, indices, distances } = this.#tree.within(x, y, radius);
      let best = -1;
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
      if (best >= 0) isTaken[best] = 1;
      return best;
    });
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
    this.match(truth, options).forEach((index, k) => {
      add(truth[k]?.class ?? classes, this.points[index]?.class ?? classes);
      if (index >= 0) isMatched[index] = 1;
    });
    this.points.forEach((point, index) => {
      if (isMatched[index] === 0) add(classes, point.class);
    });
    return new ConfusionMatrix(side, counts);
  }
}
