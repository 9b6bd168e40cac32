import type { DetectionMetrics } from '../metrics/agreement-metrics.ts';
import type { EvaluationIntervals } from '../verdict/evaluation-intervals.ts';
import type { ScoreRow } from './score-row.ts';

/** What is scored, and the published points beside it where there are any. */
export interface ScoredCells {
  readonly own: DetectionMetrics;
  readonly published?: DetectionMetrics;
}

/** Macro F1 of every pair, a group after the other; readers among each other have no interval, for they are no prediction. */
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
