import type { VerdictConfig } from '../../config/verdict-config.ts';
import { HE_LABELS } from '../../toolkit/dataset/he-labels.ts';
import { type ClassSubset, type SubsetDice, subsetDice } from '../../toolkit/metrics/class-subset.ts';
import { ConfusionMatrix } from '../../toolkit/metrics/confusion-matrix.ts';
import { sumOfConfusions } from '../../toolkit/metrics/evaluate-he.ts';
import { evaluationIntervals } from '../../toolkit/verdict/evaluation-intervals.ts';
import type { OverviewByStem, RoiCounts } from '../../toolkit/verdict/patients.ts';
import type { ScoredMasks } from './evaluate-tissue.ts';
import type { ScoreRow } from './evaluation-table.ts';

/** Unannotated and Background come before the classes asked for. */
const BEFORE = 2;
const OVERALL = 'Overall';

/**
 * Dice of the classes asked for, all others as one.
 *
 * @param rois - 17 x 17 of every ROI, with predictions that are no label as Unannotated.
 */
export function tissueSubsetScores(
  subset: ClassSubset,
  { own, published }: { readonly own: ScoredMasks; readonly published: ScoredMasks | undefined },
  rois: readonly RoiCounts[],
  patients: OverviewByStem,
  config: VerdictConfig,
): { readonly rows: readonly ScoreRow[]; readonly file: object } {
  const total = ({ filled }: ScoredMasks) =>
    subsetDice(sumOfConfusions(filled.map(({ confusion }) => confusion)), subset);
  const mine = total(own);
  const theirs = published && total(published);
  const names = [OVERALL, ...subset.names];
  const measure = (counts: Float64Array) => {
    const scored = subsetDice(new ConfusionMatrix(HE_LABELS.length, counts), subset);
    return names.map((name) => diceOf(scored, name));
  };
  const measured = { rois, names, measure, isCompared: published !== undefined };
  const { intervals, warnings: _, ...uncertainty } = evaluationIntervals(measured, patients, config);
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
    file: {
      ...file,
      ...(theirs && { published: { dice: theirs.dice, missed: theirs.missed } }),
      ...uncertainty,
      intervals,
    },
  };
}

/** Null for a class without a true pixel. */
function diceOf({ dice, confusion }: SubsetDice, name: string): number | null {
  const classes = Object.keys(dice.perClass);
  const rowOf = (of: string) => confusion.rowSum(BEFORE + classes.indexOf(of));
  if (name !== OVERALL) return rowOf(name) === 0 ? null : (dice.perClass[name] ?? null);
  return classes.every((of) => rowOf(of) === 0) ? null : dice.overall;
}
