import { HE_LABELS, TIL_LABELS, type TissueLabel } from '../dataset/he-labels.ts';
import { ConfusionMatrix } from './confusion-matrix.ts';
import { dicePerLabel, microDice } from './dice.ts';
import { type DiceScores, tilConfusion } from './he-metrics.ts';
import { withoutTruth } from './select-labels.ts';

const UNANNOTATED = 0;
const BACKGROUND = 1;

/**
 * Dice without two quirks of the paper: true Background counts like any other class (the paper clears its row and
 * keeps its column), and a pixel of tissue predicted Unannotated is a miss (in the paper it vanishes).
 *
 * Pixels without annotation have no truth and stay out.
 *
 * @param confusion - 17 x 17, rows truth.
 */
export function correctedDice(confusion: ConfusionMatrix): { readonly all: DiceScores; readonly til: DiceScores } {
  return {
    all: scoresOf(withoutTruth(confusion, UNANNOTATED), HE_LABELS),
    til: scoresOf(withoutTruth(tilConfusion(confusion), UNANNOTATED), TIL_LABELS),
  };
}

/**
 * The paper's Dice with one of its quirks: Background as in the paper, a pixel predicted Unannotated a miss.
 *
 * @param confusion - Counts of `labels`, of which the first two are Unannotated and Background.
 */
export function diceWithUnannotatedMissed(
  confusion: ConfusionMatrix,
  labels: readonly TissueLabel[] = HE_LABELS,
): DiceScores {
  return scoresOf(withoutTruth(withoutTruth(confusion, UNANNOTATED), BACKGROUND), labels);
}

/** The paper's Dice with true Background counted like any other class; a pixel predicted Unannotated vanishes still. */
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
