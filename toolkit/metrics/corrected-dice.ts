import { HE_LABELS, TIL_LABELS, type TissueLabel } from '../dataset/he-labels.ts';
import type { ConfusionMatrix } from './confusion-matrix.ts';
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

/** The paper's Dice with one of its quirks: Background as in the paper, a pixel predicted Unannotated a miss. */
export function diceWithUnannotatedMissed(confusion: ConfusionMatrix): DiceScores {
  return scoresOf(withoutTruth(withoutTruth(confusion, UNANNOTATED), BACKGROUND), HE_LABELS);
}

function scoresOf(scored: ConfusionMatrix, labels: readonly TissueLabel[]): DiceScores {
  const dice = dicePerLabel(scored);
  const named = labels.slice(1).map(({ name, value }) => [name, dice[value] ?? 0]);
  return { overall: microDice(scored), perClass: Object.fromEntries(named) };
}
