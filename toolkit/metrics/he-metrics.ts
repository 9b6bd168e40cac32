import { z } from 'zod';
import { HE_LABELS, TIL_LABELS, type TissueLabel } from '../dataset/he-labels.ts';
import { ConfusionMatrix, groupLabels, withoutFirstLabel, withoutTruth } from './confusion-matrix.ts';
import { correctedDice, dicePerLabel, microDice } from './dice.ts';

/** `full`: every pixel was predicted. `annotated`: only the annotated pixels, so that true Unannotated has no counts. */
export type EvaluationScope = 'full' | 'annotated';

/** Overall (micro) Dice and the Dice of every class except Unannotated, unrounded. */
export interface DiceScores {
  readonly overall: number;
  readonly perClass: Readonly<Record<string, number>>;
}

const HE_NAMES = HE_LABELS.map((label) => label.name);
const TIL_GROUPS = HE_LABELS.map((label) => label.til);
/** Index of Background after Unannotated, the label before it, was removed. */
const BACKGROUND = 0;

const Row = z.array(z.int().min(0)).length(HE_LABELS.length);

function scoresOf(labels: readonly TissueLabel[]) {
  const dice = z.number().min(0).max(1);
  const classes = z.strictObject(Object.fromEntries(labels.slice(1).map((label) => [label.name, dice])));
  return z.strictObject({ overall: dice, perClass: classes });
}

/**
 * `metrics/he.json`: pixel counts and Dice of the H&E test set, unrounded.
 *
 * The rows of `confusion` are ground truth; the first, Unannotated, is null in the scope `annotated`.
 */
export const HeMetrics = z.strictObject({
  labels: z.array(z.string()).refine((names) => names.join() === HE_NAMES.join(), 'Expected the 17 labels in order'),
  confusion: z
    .array(Row.nullable())
    .length(HE_LABELS.length)
    .refine((rows) => !rows.slice(1).includes(null), 'Expected counts in every row but the first'),
  all: scoresOf(HE_LABELS),
  til: scoresOf(TIL_LABELS),
  /** Without the paper's quirks: true Background counts, and tissue predicted as Unannotated is a miss. */
  corrected: z.strictObject({ all: scoresOf(HE_LABELS), til: scoresOf(TIL_LABELS) }).optional(),
});
export type HeMetrics = z.infer<typeof HeMetrics>;

/**
 * Computes the content of `metrics/he.json` from a confusion matrix.
 *
 * @param confusion - 17×17, summed over ROIs.
 * @throws RangeError when the matrix has another size.
 * @example
 * const { all } = heMetrics(countConfusion(truth.data, prediction.data));
 * console.log(all.overall);
 */
export function heMetrics(confusion: ConfusionMatrix, scope: EvaluationScope = 'full'): HeMetrics {
  expectHeLabels(confusion);
  return {
    labels: [...HE_NAMES],
    confusion: confusion.toRows().map((row, truth) => (truth === 0 && scope === 'annotated' ? null : row)),
    all: diceScores(confusion, HE_LABELS),
    til: diceScores(tilConfusion(confusion), TIL_LABELS),
    corrected: correctedDice(confusion),
  };
}

/** Returns the matrix of a `metrics/he.json`; a null row becomes zeros, as in `figures/he/cm.npy`. */
export function confusionOf(metrics: HeMetrics): ConfusionMatrix {
  return ConfusionMatrix.fromRows(metrics.confusion.map((row) => row ?? HE_NAMES.map(() => 0)));
}

/** Merges the 17×17 matrix into the 7 labels of the TIL use case. */
export function tilConfusion(confusion: ConfusionMatrix): ConfusionMatrix {
  expectHeLabels(confusion);
  return groupLabels(confusion, TIL_GROUPS, TIL_LABELS.length);
}

/**
 * Computes Dice like evaluation.py, with two quirks of the paper. Unannotated is dropped from rows *and* columns, so
 * that a tissue pixel predicted as Unannotated does not count. The row of true Background is cleared but its column is
 * kept, so that a tissue pixel predicted as Background is a miss, and the Dice of Background is always 0.
 *
 * @param confusion - Counts of `labels`, of which the first two are Unannotated and Background.
 */
export function diceScores(confusion: ConfusionMatrix, labels: readonly TissueLabel[]): DiceScores {
  const scored = scoredPart(confusion);
  const dice = dicePerLabel(scored);
  return {
    overall: microDice(scored),
    perClass: Object.fromEntries(labels.slice(1).map((label, index) => [label.name, dice[index] ?? 0])),
  };
}

/** Computes only `overall` of `diceScores`. */
export function overallDice(confusion: ConfusionMatrix): number {
  return microDice(scoredPart(confusion));
}

function scoredPart(confusion: ConfusionMatrix): ConfusionMatrix {
  return withoutTruth(withoutFirstLabel(confusion), BACKGROUND);
}

function expectHeLabels(confusion: ConfusionMatrix): void {
  if (confusion.size !== HE_LABELS.length) {
    throw new RangeError(`Expected a matrix of the ${HE_LABELS.length} H&E labels, got size ${confusion.size}`);
  }
}
