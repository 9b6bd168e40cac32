import { HE_LABELS, TIL_LABELS } from '../dataset/he-labels.js';
import { ConfusionMatrix } from './confusion-matrix.js';
import { dicePerLabel, microDice } from './dice.js';
import { tilConfusion } from './he-metrics.js';
import { withoutTruth } from './select-labels.js';
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
export function correctedDice(confusion) {
    return {
        all: scoresOf(withoutTruth(confusion, UNANNOTATED), HE_LABELS),
        til: scoresOf(withoutTruth(tilConfusion(confusion), UNANNOTATED), TIL_LABELS),
    };
}
/** The paper's Dice with one of its quirks: Background as in the paper, a pixel predicted Unannotated a miss. */
export function diceWithUnannotatedMissed(confusion) {
    return scoresOf(withoutTruth(withoutTruth(confusion, UNANNOTATED), BACKGROUND), HE_LABELS);
}
/** The paper's Dice with true Background counted like any other class; a pixel predicted Unannotated vanishes still. */
export function diceWithBackground(confusion) {
    return scoresOf(withoutPrediction(withoutTruth(confusion, UNANNOTATED), UNANNOTATED), HE_LABELS);
}
function withoutPrediction(confusion, label) {
    const rows = confusion.toRows();
    return ConfusionMatrix.fromRows(rows.map((row) => row.map((count, prediction) => (prediction === label ? 0 : count))));
}
function scoresOf(scored, labels) {
    const dice = dicePerLabel(scored);
    const named = labels.slice(1).map(({ name, value }) => [name, dice[value] ?? 0]);
    return { overall: microDice(scored), perClass: Object.fromEntries(named) };
}
