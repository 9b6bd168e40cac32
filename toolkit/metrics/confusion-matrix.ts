/**
 * Square matrix of counts of pixels or points: rows are ground truth, columns prediction. Immutable.
 *
 * @example
 * const confusion = ConfusionMatrix.fromRows([[5, 1], [2, 7]]);
 * confusion.at(0, 1); // 1: label 0, predicted as label 1
 */
export class ConfusionMatrix {
  readonly size: number;
  readonly #counts: Float64Array;

  /**
   * @param size - Number of labels.
   * @param counts - size × size counts, row by row, whole numbers from 0 to 2^53 - 1. A Float64Array is not copied and
   *   must not be changed afterwards.
   * @throws RangeError when the number of counts is wrong, or one is not such a number.
   */
  constructor(size: number, counts: ArrayLike<number>) {
    if (counts.length !== size * size) {
      throw new RangeError(`Expected ${size}×${size} counts, got ${counts.length}`);
    }
    this.size = size;
    this.#counts = counts instanceof Float64Array ? counts : new Float64Array(counts);
    for (let index = 0; index < this.#counts.length; index++) {
      const count = this.#counts[index] ?? Number.NaN;
      if (Number.isSafeInteger(count) && count >= 0) continue;
      throw new RangeError(`Expected counts that are whole numbers >= 0, got ${count}`);
    }
  }

  static zeros(size: number): ConfusionMatrix {
    return new ConfusionMatrix(size, new Float64Array(size * size));
  }

  static fromRows(rows: readonly (readonly number[])[]): ConfusionMatrix {
    const size = rows.length;
    const counts = new Float64Array(size * size);
    for (const [truth, row] of rows.entries()) {
      if (row.length !== size) throw new RangeError(`Expected rows of ${size} counts, got ${row.length}`);
      for (let k = 0; k < size; k++) counts[truth * size + k] = row[k] ?? Number.NaN;
    }
    return new ConfusionMatrix(size, counts);
  }

  /** Creates a matrix from a function that returns each count. */
  static generate(size: number, countOf: (truth: number, prediction: number) => number): ConfusionMatrix {
    const counts = new Float64Array(size * size);
    for (let truth = 0; truth < size; truth++) {
      for (let prediction = 0; prediction < size; prediction++) {
        counts[truth * size + prediction] = countOf(truth, prediction);
      }
    }
    return new ConfusionMatrix(size, counts);
  }

  /**
   * Sums matrices; all zeros if there are none.
   *
   * @throws RangeError when one has another size.
   */
  static sumOf(size: number, confusions: Iterable<ConfusionMatrix>): ConfusionMatrix {
    const total = new Float64Array(size * size);
    for (const confusion of confusions) confusion.#addTo(total, size);
    return new ConfusionMatrix(size, total);
  }

  at(truth: number, prediction: number): number {
    return this.#counts[truth * this.size + prediction] ?? 0;
  }

  rowSum(truth: number): number {
    return this.#sum((k) => this.at(truth, k));
  }

  columnSum(prediction: number): number {
    return this.#sum((k) => this.at(k, prediction));
  }

  /** Sum of the diagonal: pixels or points predicted correctly. */
  trace(): number {
    return this.#sum((k) => this.at(k, k));
  }

  total(): number {
    return this.#sum((k) => this.rowSum(k));
  }

  /** Returns a copy of the counts, row by row. */
  counts(): Float64Array {
    return this.#counts.slice();
  }

  toRows(): number[][] {
    return Array.from({ length: this.size }, (_, truth) => [
      ...this.#counts.subarray(truth * this.size, (truth + 1) * this.size),
    ]);
  }

  /** @throws RangeError when the sizes differ. */
  plus(other: ConfusionMatrix): ConfusionMatrix {
    return ConfusionMatrix.sumOf(this.size, [this, other]);
  }

  #addTo(total: Float64Array, size: number): void {
    if (this.size !== size) throw new RangeError(`Expected a matrix of size ${size}, got ${this.size}`);
    for (let index = 0; index < total.length; index++) {
      total[index] = (total[index] ?? 0) + (this.#counts[index] ?? 0);
    }
  }

  #sum(term: (k: number) => number): number {
    let total = 0;
    for (let k = 0; k < this.size; k++) total += term(k);
    return total;
  }
}

/** What the entries of a normalised matrix are divided by: the total, the sum of their row, or the sum of their column. */
export type Normalisation = 'total' | 'true' | 'predicted';

/**
 * Normalises the matrix like `normalize_cm` of evaluation.py.
 *
 * @returns Rows of values in [0, 1]. An empty row or column (or matrix) is divided by 1, so it stays 0.
 */
export function normaliseConfusion(confusion: ConfusionMatrix, by: Normalisation): number[][] {
  const divisors = {
    total: () => confusion.total(),
    true: (truth: number) => confusion.rowSum(truth),
    predicted: (_: number, prediction: number) => confusion.columnSum(prediction),
  };
  return confusion
    .toRows()
    .map((row, truth) => row.map((count, prediction) => count / (divisors[by](truth, prediction) || 1)));
}

/** Removes the first label from rows and columns; the others move up by one. */
export function withoutFirstLabel(confusion: ConfusionMatrix): ConfusionMatrix {
  return ConfusionMatrix.generate(confusion.size - 1, (truth, prediction) => confusion.at(truth + 1, prediction + 1));
}

/** Clears the row of a true label. Pixels predicted as `label` are still counted. */
export function withoutTruth(confusion: ConfusionMatrix, label: number): ConfusionMatrix {
  return ConfusionMatrix.generate(confusion.size, (truth, prediction) => {
    return truth === label ? 0 : confusion.at(truth, prediction);
  });
}

/**
 * Merges labels of the matrix.
 *
 * @param groups - For every label of `confusion`, its label in the result, 0 to `size` - 1.
 * @param size - Number of labels of the result.
 * @throws RangeError when a label has no group.
 */
export function groupLabels(confusion: ConfusionMatrix, groups: readonly number[], size: number): ConfusionMatrix {
  const groupOf = (label: number): number => {
    const group = groups[label];
    if (group === undefined || !(group >= 0 && group < size)) {
      throw new RangeError(`Expected a group from 0 to ${size - 1} for label ${label}, got ${group}`);
    }
    return group;
  };
  const counts = new Float64Array(size * size);
  const grouped = Array.from({ length: confusion.size }, (_, label) => groupOf(label));
  grouped.forEach((row, truth) => {
    grouped.forEach((column, prediction) => {
      const entry = row * size + column;
      counts[entry] = (counts[entry] ?? 0) + confusion.at(truth, prediction);
    });
  });
  return new ConfusionMatrix(size, counts);
}
