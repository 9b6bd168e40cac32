/** Keeps the authors' quotients from dividing by 0; it lowers each by about a billionth. */
const EPSILON = 1e-9;
/**
 * Precision, recall and F1 of every class as the authors' eval_utils.py computes them, unrounded. A class that neither
 * side has scores 0 and counts in the means.
 *
 * @param confusion - Counts of points; the last row holds false alarms, the last column misses.
 */
export function agreementScores(confusion) {
    const classes = Array.from({ length: confusion.size - 1 }, (_, k) => k);
    const precision = classes.map((k) => confusion.at(k, k) / (confusion.columnSum(k) + EPSILON));
    const recall = classes.map((k) => confusion.at(k, k) / (confusion.rowSum(k) + EPSILON));
    const f1 = classes.map((k) => {
        const [p, r] = [precision[k] ?? 0, recall[k] ?? 0];
        return (2 * p * r) / (p + r + EPSILON);
    });
    return { precision, recall, f1, macro: { precision: mean(precision), recall: mean(recall), f1: mean(f1) } };
}
function mean(values) {
    return values.reduce((sum, value) => sum + value, 0) / values.length;
}
