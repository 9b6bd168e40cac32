/**
 * The matrix as shares, as `normalize_cm` of evaluation.py.
 *
 * @returns Rows of values in [0, 1]. An empty row or column (or matrix) is divided by 1, so it stays 0.
 */
export function normaliseConfusion(confusion, by) {
    const divisors = {
        total: () => confusion.total(),
        true: (truth) => confusion.rowSum(truth),
        predicted: (_, prediction) => confusion.columnSum(prediction),
    };
    return confusion
        .toRows()
        .map((row, truth) => row.map((count, prediction) => count / (divisors[by](truth, prediction) || 1)));
}
