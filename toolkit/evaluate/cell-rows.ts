import type { VerdictConfig } from '../../config/verdict-config.ts';
import type { DetectionMetrics } from '../metrics/agreement-metrics.ts';
import { type ClassSubset, subsetAgreement } from '../metrics/class-subset.ts';
import { ConfusionMatrix } from '../metrics/confusion-matrix.ts';
import type { CellsCounts } from '../verdict/cells-counts.ts';
import { type EvaluationIntervals, evaluationIntervals } from '../verdict/evaluation-intervals.ts';
import type { OverviewByStem } from '../verdict/patients.ts';
import type { ScoreRow } from './evaluation.ts';

/** Metrics of the scored points, and of the published ones if there are any. */
export interface ScoredCells {
  readonly own: DetectionMetrics;
  readonly published?: DetectionMetrics;
}

/**
 * Returns the macro F1 of every pair, group by group. Pairs of two readers have no interval, because they are not
 * predictions.
 */
export function cellRows(
  { own, published }: ScoredCells,
  { intervals }: Pick<EvaluationIntervals, 'intervals'>,
): ScoreRow[] {
  const theirs = published && new Map(macrosOf(published).map(({ name, value }) => [name, value]));
  return macrosOf(own).map(({ label, name, value }) => {
    const interval = intervals[`${name}, macro`]?.oursInterval;
    return {
      label,
      value,
      without: 'no image in common',
      ...(interval && { interval }),
      ...(theirs && { published: theirs.get(name) ?? null }),
    };
  });
}

function macrosOf({ groups }: DetectionMetrics) {
  return Object.entries(groups).flatMap(([group, { readers, f1 }]) =>
    (f1['macro'] ?? []).flatMap((scores, i) =>
      scores.flatMap((value, j) => {
        const [truth, prediction] = [readers[i], readers[j]];
        if (i >= j) return [];
        return [{ label: `${group}: ${truth} | ${prediction}`, name: `${group}: ${truth}|${prediction}`, value }];
      }),
    ),
  );
}

const MACRO = 'macro';

/**
 * Computes F1 of every pair on the requested classes, with all others merged; macro is the mean over these, including
 * `other`.
 */
export function cellSubsetScores(
  subset: ClassSubset,
  { own, published }: ScoredCells,
  { pairs, side, rois, isCompared }: CellsCounts & { readonly isCompared: boolean },
  patients: OverviewByStem,
  config: VerdictConfig,
): { readonly rows: readonly ScoreRow[]; readonly file: object } {
  const names = pairs.flatMap((pair) => [MACRO, ...subset.names].map((name) => `${pair}, ${name}`));
  const length = side * side;
  const measure = (counts: Float64Array) =>
    pairs.flatMap((_, k) =>
      numbersOf(new ConfusionMatrix(side, counts.slice(k * length, (k + 1) * length)), subset).map(
        ({ value }) => value,
      ),
    );
  const measured = { rois, names, measure, isCompared };
  const { intervals, warnings: _, ...uncertainty } = evaluationIntervals(measured, patients, config);
  const theirs = published && new Map(scoresOf(published, subset).map(({ name, value }) => [name, value]));
  const scores = scoresOf(own, subset);
  const rows = scores.map(({ name, value, isCommon }): ScoreRow => {
    const interval = intervals[name]?.oursInterval;
    return {
      label: name.replace('|', ' | '),
      value,
      without: isCommon ? 'absent' : 'no image in common',
      ...(interval && { interval }),
      ...(theirs && { published: theirs.get(name) ?? null }),
    };
  });
  const f1 = Object.fromEntries(scores.map(({ name, value }) => [name, value]));
  return { rows, file: { classes: subset.names, other: subset.merged, f1, ...uncertainty, intervals } };
}

/** Scores every pair of every group, macro first. */
function scoresOf({ groups }: DetectionMetrics, subset: ClassSubset) {
  return Object.entries(groups).flatMap(([group, { confusion }]) =>
    Object.entries(confusion).flatMap(([pair, rows]) => {
      const numbers =
        rows === null
          ? [MACRO, ...subset.names].map((name) => ({ name, value: null }))
          : numbersOf(ConfusionMatrix.fromRows(rows), subset);
      return numbers.map(({ name, value }) => ({
        name: `${group}: ${pair}, ${name}`,
        value,
        isCommon: rows !== null,
      }));
    }),
  );
}

/** Computes macro F1 and the F1 of each class; null for a class that the first reader of the pair does not have. */
function numbersOf(counts: ConfusionMatrix, subset: ClassSubset): { name: string; value: number | null }[] {
  const { scores, confusion } = subsetAgreement(counts, subset);
  const classes = subset.names.map((name, k) => ({
    name,
    value: confusion.rowSum(k) === 0 ? null : (scores.f1[k] ?? null),
  }));
  const isEmpty = classes.every(({ value }) => value === null);
  return [{ name: MACRO, value: isEmpty ? null : scores.macro.f1 }, ...classes];
}
