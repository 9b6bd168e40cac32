import type { ConfusionMatrix } from './confusion-matrix.ts';

/** What a matrix of shares is relative to: all pixels, the pixels of the true, or of the predicted label. */
export type Normalisation = 'total' | 'true' | 'predicted';

/**
 * The matrix as shares, as `normalize_cm` of evaluation.py.
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
