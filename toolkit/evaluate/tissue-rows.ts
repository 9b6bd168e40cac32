import { VerdictConfig } from '../../config/verdict-config.ts';
import { HE_LABELS, TIL_LABELS } from '../dataset/he-labels.ts';
import { type ClassSubset, type SubsetDice, subsetDice } from '../metrics/class-subset.ts';
import { ConfusionMatrix } from '../metrics/confusion-matrix.ts';
import { sumOfConfusions } from '../metrics/evaluate-he.ts';
import { type DiceScores, heMetrics, tilConfusion } from '../metrics/he-metrics.ts';
import { type EvaluationIntervals, evaluationIntervals } from '../verdict/evaluation-intervals.ts';
import type { OverviewByStem } from '../verdict/patients.ts';
import { TISSUE_MEASURES } from '../verdict/tissue-uncertainty.ts';
import type { ScoreRow } from './evaluation.ts';
import { type BothMasks, countsOf, type ScoredMasks } from './scored-masks.ts';

/** Returns Dice overall and per class, then for the TIL use case; a class without ground-truth pixels is absent. */
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

/** Unannotated and Background come before the requested classes. */
const BEFORE = 2;
const OVERALL = 'Overall';

/** Overall Dice as displayed, and with pixels without a prediction as missed. */
export interface ShownOverall {
  readonly shown: number;
  readonly missed: number;
}

export interface TissueSubsetScores {
  readonly rows: readonly ScoreRow[];
  readonly overall: ShownOverall;
  readonly published?: ShownOverall;
  /** `metrics/he.classes.json`. */
  readonly file: object;
}

/** Computes Dice of the requested classes, with all others merged. */
export function tissueSubsetScores(
  subset: ClassSubset,
  { own, published }: BothMasks,
  patients: OverviewByStem,
): TissueSubsetScores {
  const total = ({ filled }: ScoredMasks) =>
    subsetDice(sumOfConfusions(filled.map(({ confusion }) => confusion)), subset);
  const mine = total(own);
  const theirs = published && total(published);
  const names = [OVERALL, ...subset.names];
  const measure = (counts: Float64Array) => {
    const scored = subsetDice(new ConfusionMatrix(HE_LABELS.length, counts), subset);
    return names.map((name) => diceOf(scored, name));
  };
  const rois = countsOf(own.filled, published?.filled);
  const measured = { rois, names, measure, isCompared: published !== undefined };
  const { intervals, warnings: _, ...uncertainty } = evaluationIntervals(measured, patients, VerdictConfig.parse({}));
  const rows = names.map((name): ScoreRow => {
    const interval = intervals[name]?.oursInterval;
    return {
      label: name,
      value: diceOf(mine, name),
      without: 'absent',
      missed: name === OVERALL ? mine.missed.overall : (mine.missed.perClass[name] ?? null),
      ...(interval && { interval }),
      ...(theirs && { published: diceOf(theirs, name) }),
    };
  });
  const { dice, missed, confusion } = mine;
  const labels = ['Unannotated', 'Background', ...subset.names];
  const file = { classes: subset.names, other: subset.merged, labels, confusion: confusion.toRows(), dice, missed };
  return {
    rows,
    overall: shownOf(mine),
    ...(theirs && { published: shownOf(theirs) }),
    file: {
      ...file,
      ...(theirs && { published: { dice: theirs.dice, missed: theirs.missed } }),
      ...uncertainty,
      intervals,
    },
  };
}

/** Returns the Dice of a class, or overall; null without ground-truth pixels. */
function diceOf({ dice, confusion }: SubsetDice, name: string): number | null {
  const classes = Object.keys(dice.perClass);
  const rowOf = (of: string) => confusion.rowSum(BEFORE + classes.indexOf(of));
  if (name !== OVERALL) return rowOf(name) === 0 ? null : (dice.perClass[name] ?? null);
  return classes.every((of) => rowOf(of) === 0) ? null : dice.overall;
}

function shownOf({ dice, missed }: SubsetDice): ShownOverall {
  return { shown: dice.overall, missed: missed.overall };
}
