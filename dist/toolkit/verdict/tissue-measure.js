import { HE_LABELS, TIL_LABELS } from '../dataset/he-labels.js';
import { ConfusionMatrix } from '../metrics/confusion-matrix.js';
import { diceScores, tilConfusion } from '../metrics/he-metrics.js';
/** The first two labels, Unannotated and Background, have no Dice. */
const FIRST_TISSUE = 2;
/**
 * Dice of a 17 x 17 matrix: overall and a class, of all classes, then of the TIL use case, in the order of
 * `verdict/he.json`. Null for a class without a true pixel.
 */
export const measureTissue = (counts) => {
    const confusion = new ConfusionMatrix(HE_LABELS.length, counts);
    return [...measureLabels(confusion, HE_LABELS), ...measureLabels(tilConfusion(confusion), TIL_LABELS)];
};
/** Names of what `measureTissue` gives, those of the TIL use case as `TIL: Stroma`. */
export const TISSUE_MEASURES = [
    ...namesOf(HE_LABELS),
    ...namesOf(TIL_LABELS).map((name) => `TIL: ${name}`),
];
function namesOf(labels) {
    return ['Overall', ...labels.slice(FIRST_TISSUE).map(({ name }) => name)];
}
function measureLabels(confusion, labels) {
    const { overall, perClass } = diceScores(confusion, labels);
    const tissue = labels.slice(FIRST_TISSUE);
    const isEmpty = tissue.every(({ value }) => confusion.rowSum(value) === 0);
    return [
        isEmpty ? null : overall,
        ...tissue.map(({ name, value }) => (confusion.rowSum(value) === 0 ? null : (perClass[name] ?? null))),
    ];
}
