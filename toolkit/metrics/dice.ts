import { HE_LABELS, TIL_LABELS, type TissueLabel } from '../dataset/tissue-labels.ts';
import { ConfusionMatrix, withoutTruth } from './confusion-matrix.ts';
import { confusionOf, type DiceScores, type HeMetrics, tilConfusion } from './he-metrics.ts';

/**
 * Computes the Dice coefficient of every label, 2·TP / (2·TP + FP + FN).
 *
 * @returns A value in [0, 1] for each label; 0 for a label that is neither annotated nor predicted, as in
 *   `dice_per_class` of the authors' evaluation.py.
 * @example dicePerLabel(ConfusionMatrix.fromRows([[8, 2], [0, 10]])) // [0.888..., 0.909...]
 */
export function dicePerLabel(confusion: ConfusionMatrix): number[] {
  return Array.from({ length: confusion.size }, (_, k) => {
    const occurrences = confusion.rowSum(k) + confusion.columnSum(k);
    return occurrences === 0 ? 0 : (2 * confusion.at(k, k)) / occurrences;
  });
}

/**
 * Computes the Dice coefficient over all labels together, 2·ΣTP / (2·ΣTP + ΣFP + ΣFN), like `micro_dice` of
 * evaluation.py.
 *
 * Every false negative of one label is a false positive of another, so this equals trace / total.
 *
 * @returns A value in [0, 1]; 0 for an empty matrix, where the authors' code has 0/0.
 * @example
 * microDice(ConfusionMatrix.fromRows([[5, 1], [2, 7]])); // 0.8
 */
export function microDice(confusion: ConfusionMatrix): number {
  const occurrences = 2 * confusion.total();
  return occurrences === 0 ? 0 : (2 * confusion.trace()) / occurrences;
}

const UNANNOTATED = 0;
const BACKGROUND = 1;

/**
 * Computes Dice without two quirks of the paper: true Background counts like any other class (the paper clears its row
 * and keeps its column), and a tissue pixel predicted as Unannotated is a miss (the paper drops it).
 *
 * Pixels without annotation have no ground truth and are left out.
 *
 * @param confusion - 17 x 17, rows ground truth.
 */
export function correctedDice(confusion: ConfusionMatrix): { readonly all: DiceScores; readonly til: DiceScores } {
  return {
    all: scoresOf(withoutTruth(confusion, UNANNOTATED), HE_LABELS),
    til: scoresOf(withoutTruth(tilConfusion(confusion), UNANNOTATED), TIL_LABELS),
  };
}

/**
 * Computes Dice with one quirk of the paper: Background is treated as in the paper, but a pixel predicted as
 * Unannotated is a miss.
 *
 * @param confusion - Counts of `labels`, of which the first two are Unannotated and Background.
 */
export function diceWithUnannotatedMissed(
  confusion: ConfusionMatrix,
  labels: readonly TissueLabel[] = HE_LABELS,
): DiceScores {
  return scoresOf(withoutTruth(withoutTruth(confusion, UNANNOTATED), BACKGROUND), labels);
}

/**
 * Computes Dice with one quirk of the paper: a pixel predicted as Unannotated is dropped, but true Background counts
 * like any other class.
 */
export function diceWithBackground(confusion: ConfusionMatrix): DiceScores {
  return scoresOf(withoutPrediction(withoutTruth(confusion, UNANNOTATED), UNANNOTATED), HE_LABELS);
}

function withoutPrediction(confusion: ConfusionMatrix, label: number): ConfusionMatrix {
  const rows = confusion.toRows();
  return ConfusionMatrix.fromRows(
    rows.map((row) => row.map((count, prediction) => (prediction === label ? 0 : count))),
  );
}

function scoresOf(scored: ConfusionMatrix, labels: readonly TissueLabel[]): DiceScores {
  const dice = dicePerLabel(scored);
  const named = labels.slice(1).map(({ name, value }) => [name, dice[value] ?? 0]);
  return { overall: microDice(scored), perClass: Object.fromEntries(named) };
}

/** Dice for display: null for a class without ground truth, for which `metrics/he.json` has 0. */
export interface PresentDice {
  readonly overall: number | null;
  readonly perClass: Readonly<Record<string, number | null>>;
}

/** The first two labels, Unannotated and Background, have no Dice. */
const FIRST_TISSUE = 2;

/** Returns the Dice of `metrics/he.json` for all classes and for the TIL use case, without Background. */
export function presentDice(metrics: HeMetrics): { readonly all: PresentDice; readonly til: PresentDice } {
  const confusion = confusionOf(metrics);
  return {
    all: presentOf(metrics.all, confusion, HE_LABELS),
    til: presentOf(metrics.til, tilConfusion(confusion), TIL_LABELS),
  };
}

function presentOf(
  { overall, perClass }: DiceScores,
  confusion: ConfusionMatrix,
  labels: readonly TissueLabel[],
): PresentDice {
  const tissue = labels.slice(FIRST_TISSUE);
  const isPresent = ({ value }: TissueLabel) => confusion.rowSum(value) > 0;
  return {
    overall: tissue.some(isPresent) ? overall : null,
    perClass: Object.fromEntries(
      tissue.map((label) => [label.name, isPresent(label) ? (perClass[label.name] ?? null) : null]),
    ),
  };
}
