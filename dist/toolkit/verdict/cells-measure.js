import { agreementScores } from '../metrics/agreement-scores.js';
import { ConfusionMatrix } from '../metrics/confusion-matrix.js';
/**
 * F1 of several pairs: of each the mean over the classes, then every class. Null for a class that the first of the
 * pair has nowhere; for the mean when a class is missing that the first has somewhere.
 *
 * @param classes - Number of classes; a matrix has one row and one column more.
 * @param present - For every pair, the classes that its first has somewhere.
 */
export function measureCells(classes, present) {
    const length = (classes + 1) ** 2;
    return (counts) => present.flatMap((needed, pair) => {
        const confusion = new ConfusionMatrix(classes + 1, counts.subarray(pair * length, (pair + 1) * length));
        const { f1, macro } = agreementScores(confusion);
        const isEmpty = (label) => confusion.rowSum(label) === 0;
        const isMacroEmpty = needed.size === 0 || [...needed].some(isEmpty);
        return [isMacroEmpty ? null : macro.f1, ...f1.map((value, label) => (isEmpty(label) ? null : value))];
    });
}
