/** Square matrix of pixel counts: rows are truth, columns prediction. Immutable. */
export class ConfusionMatrix {
    size;
    #counts;
    /**
     * @param size - Number of labels.
     * @param counts - size × size counts, row by row, whole numbers from 0 to 2^53 - 1. A Float64Array is taken over, not
     *   copied, and must not be changed any more.
     * @throws RangeError when there are more or fewer counts, or one is no such number.
     */
    constructor(size, counts) {
        if (counts.length !== size * size) {
            throw new RangeError(`Expected ${size}×${size} counts, got ${counts.length}`);
        }
        this.size = size;
        this.#counts = counts instanceof Float64Array ? counts : new Float64Array(counts);
        for (let index = 0; index < this.#counts.length; index++) {
            const count = this.#counts[index] ?? Number.NaN;
            if (Number.isSafeInteger(count) && count >= 0)
                continue;
            throw new RangeError(`Expected counts that are whole numbers >= 0, got ${count}`);
        }
    }
    static zeros(size) {
        return new ConfusionMatrix(size, new Float64Array(size * size));
    }
    static fromRows(rows) {
        const size = rows.length;
        const counts = new Float64Array(size * size);
        for (const [truth, row] of rows.entries()) {
            if (row.length !== size)
                throw new RangeError(`Expected rows of ${size} counts, got ${row.length}`);
            for (let k = 0; k < size; k++)
                counts[truth * size + k] = row[k] ?? Number.NaN;
        }
        return new ConfusionMatrix(size, counts);
    }
    /** The matrix whose counts a function gives. */
    static generate(size, countOf) {
        const counts = new Float64Array(size * size);
        for (let truth = 0; truth < size; truth++) {
            for (let prediction = 0; prediction < size; prediction++) {
                counts[truth * size + prediction] = countOf(truth, prediction);
            }
        }
        return new ConfusionMatrix(size, counts);
    }
    /**
     * The sum of matrices; zeros for none.
     *
     * @throws RangeError when one is of another size.
     */
    static sumOf(size, confusions) {
        const total = new Float64Array(size * size);
        for (const confusion of confusions)
            confusion.#addTo(total, size);
        return new ConfusionMatrix(size, total);
    }
    at(truth, prediction) {
        return this.#counts[truth * this.size + prediction] ?? 0;
    }
    rowSum(truth) {
        return this.#sum((k) => this.at(truth, k));
    }
    columnSum(prediction) {
        return this.#sum((k) => this.at(k, prediction));
    }
    /** Pixels whose prediction is their truth. */
    trace() {
        return this.#sum((k) => this.at(k, k));
    }
    total() {
        return this.#sum((k) => this.rowSum(k));
    }
    /** Counts row by row, as a copy. */
    counts() {
        return this.#counts.slice();
    }
    toRows() {
        return Array.from({ length: this.size }, (_, truth) => [
            ...this.#counts.subarray(truth * this.size, (truth + 1) * this.size),
        ]);
    }
    /** @throws RangeError when the sizes differ. */
    plus(other) {
        return ConfusionMatrix.sumOf(this.size, [this, other]);
    }
    #addTo(total, size) {
        if (this.size !== size)
            throw new RangeError(`Expected a matrix of size ${size}, got ${this.size}`);
        for (let index = 0; index < total.length; index++) {
            total[index] = (total[index] ?? 0) + (this.#counts[index] ?? 0);
        }
    }
    #sum(term) {
        let total = 0;
        for (let k = 0; k < this.size; k++)
            total += term(k);
        return total;
    }
}
