import { agreementScores } from '../metrics/agreement-scores.ts';
import { ConfusionMatrix } from '../metrics/confusion-matrix.ts';
import type { Measure } from './resampled-intervals.ts';

/**
 * F1 of several pairs: of each the mean over the classes, then every class. Null for a class that the first of the
 * pair has nowhere; for the mean when a class is missing that the first has somewhere.
 *
 * @param classes - Number of classes; a matrix has one row and one column more.
 * @param present - For every pair, the classes that its first has somewhere.
 * @param groups - For every pair, the group of its readers.
 */
export function measureCells(
  classes: number,
  present: readonly ReadonlySet<number>[],
  groups: readonly string[],
): Measure {
  const length = (classes + 1) ** 2;
  const matrixOf = (counts: Float64Array, pair: number) =>
    new ConfusionMatrix(classes + 1, counts.subarray(pair * length, (pair + 1) * length));
  const measure = (counts: Float64Array) =>
    present.flatMap((needed, pair) => {
      const confusion = matrixOf(counts, pair);
      const { f1, macro } = agreementScores(confusion);
      const isEmpty = (label: number) => confusion.rowSum(label) === 0;
      const isMacroEmpty = needed.size === 0 || [...needed].some(isEmpty);
      return [isMacroEmpty ? null : macro.f1, ...f1.map((value, label) => (isEmpty(label) ? null : value))];
    });
  const support = (counts: Float64Array) =>
    present.flatMap((_, pair) => {
      const confusion = matrixOf(counts, pair);
      const ofClasses = Array.from({ length: classes }, (__, label) => confusion.rowSum(label) > 0);
      return [confusion.total() > 0, ...ofClasses];
    });
  const cohorts = groups.flatMap((group) => new Array<string>(classes + 1).fill(group));
  return Object.assign(measure, { support, cohorts });
}
