/** Square matrix of pixel counts: rows are truth, columns prediction. Immutable. */
export class ConfusionMatrix {
  readonly size: number;
  readonly #counts: Float64Array;

  /**
   * @param size - Number of labels.
   * @param counts - size × size counts, row by row, whole numbers from 0 to 2^53 - 1.
   * @throws RangeError when there are more or fewer counts, or one is no such number.
   */
  constructor(size: number, counts: ArrayLike<number>) {
    if (counts.length !== size * size) {
      throw new RangeError(`Expected ${size}×${size} counts, got ${counts.length}`);
    }
    this.size = size;
    this.#counts = Float64Array.from(counts);
    const wrong = this.#counts.find((count) => !Number.isSafeInteger(count) || count < 0);
    if (wrong !== undefined) throw new RangeError(`Expected counts that are whole numbers >= 0, got ${wrong}`);
  }

  static zeros(size: number): ConfusionMatrix {
    return new ConfusionMatrix(size, new Float64Array(size * size));
  }

  static fromRows(rows: readonly (readonly number[])[]): ConfusionMatrix {
    const ragged = rows.find((row) => row.length !== rows.length);
    if (ragged !== undefined) throw new RangeError(`Expected rows of ${rows.length} counts, got ${ragged.length}`);
    return new ConfusionMatrix(rows.length, rows.flat());
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

  /** Pixels whose prediction is their truth. */
  trace(): number {
    return this.#sum((k) => this.at(k, k));
  }

  total(): number {
    return this.#sum((k) => this.rowSum(k));
  }

  /** Counts row by row, as a copy. */
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
    if (other.size !== this.size) throw new RangeError(`Expected a matrix of size ${this.size}, got ${other.size}`);
    const added = other.counts();
    return new ConfusionMatrix(
      this.size,
      this.#counts.map((count, index) => count + (added[index] ?? 0)),
    );
  }

  #sum(term: (k: number) => number): number {
    let total = 0;
    for (let k = 0; k < this.size; k++) total += term(k);
    return total;
  }
}
