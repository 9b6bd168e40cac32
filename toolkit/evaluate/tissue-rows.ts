import { HE_LABELS, TIL_LABELS } from '../dataset/he-labels.ts';
import { type DiceScores, heMetrics, tilConfusion } from '../metrics/he-metrics.ts';
import type { EvaluationIntervals } from '../verdict/evaluation-intervals.ts';
import { TISSUE_MEASURES } from '../verdict/tissue-measure.ts';
import type { ScoreRow } from './score-row.ts';
import type { BothMasks, ScoredMasks } from './scored-masks.ts';

/** Dice overall and of every class, then of the TIL use case; a class without a true pixel is absent. */
export function tissueRows(
  { own, published }: BothMasks,
  { intervals }: Pick<EvaluationIntervals, 'intervals'>,
): ScoreRow[] {
  const value = byMeasure(heMetrics(own.total));
  const missed = byMeasure(own.without);
  const theirs = published && byMeasure(heMetrics(published.total));
  const absent = absentMeasures(own);
  return TISSUE_MEASURES.map((name) => {
    const interval = intervals[name]?.oursInterval;
    return {
      label: name,
      value: absent.has(name) ? null : (value.get(name) ?? null),
      without: 'absent',
      missed: missed.get(name) ?? null,
      ...(interval && { interval }),
      ...(theirs && { published: theirs.get(name) ?? null }),
    };
  });
}

function byMeasure({ all, til }: { readonly all: DiceScores; readonly til: DiceScores }): ReadonlyMap<string, number> {
  return new Map([
    ['Overall', all.overall],
    ...Object.entries(all.perClass),
    ['TIL: Overall', til.overall],
    ...Object.entries(til.perClass).map(([name, dice]): [string, number] => [`TIL: ${name}`, dice]),
  ]);
}

function absentMeasures({ filled }: ScoredMasks): ReadonlySet<string> {
  const isIn = (label: number) => filled.some(({ confusion }) => confusion.rowSum(label) > 0);
  const isInTil = (label: number) => filled.some(({ confusion }) => tilConfusion(confusion).rowSum(label) > 0);
  return new Set([
    ...HE_LABELS.filter(({ value }) => !isIn(value)).map(({ name }) => name),
    ...TIL_LABELS.filter(({ value }) => !isInTil(value)).map(({ name }) => `TIL: ${name}`),
  ]);
}
