import type { ConfusionMatrix } from './confusion-matrix.ts';

/** Keeps the authors' quotients from dividing by 0; it lowers each by about a billionth. */
const EPSILON = 1e-9;

/** How well predicted points agree with true ones, per class, each from 0 to 1. */
export interface AgreementScores {
  readonly precision: readonly number[];
  readonly recall: readonly number[];
  readonly f1: readonly number[];
  /** Means over the classes. */
  readonly macro: { readonly precision: number; readonly recall: number; readonly f1: number };
}

/**
 * Precision, recall and F1 of every class as the authors' eval_utils.py computes them, unrounded. A class that neither
 * side has scores 0 and counts in the means.
 *
 * @param confusion - Counts of points; the last row holds false alarms, the last column misses.
 */
export function agreementScores(confusion: ConfusionMatrix): AgreementScores {
  const classes = Array.from({ length: confusion.size - 1 }, (_, k) => k);
  const precision = classes.map((k) => confusion.at(k, k) / (confusion.columnSum(k) + EPSILON));
  const recall = classes.map((k) => confusion.at(k, k) / (confusion.rowSum(k) + EPSILON));
  const f1 = classes.map((k) => {
    const [p, r] = [precision[k] ?? 0, recall[k] ?? 0];
    return (2 * p * r) / (p + r + EPSILON);
  });
  return { precision, recall, f1, macro: { precision: mean(precision), recall: mean(recall), f1: mean(f1) } };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
