import type { VerdictConfig } from '../../config/verdict-config.ts';
import type { OverviewByStem } from '../dataset/overview.ts';
import { HE_LABELS, TIL_LABELS, type TissueLabel } from '../dataset/tissue-labels.ts';
import { ConfusionMatrix } from '../metrics/confusion-matrix.ts';
import { tilConfusion } from '../metrics/dice.ts';
import { diceScores } from '../metrics/he-metrics.ts';
import type { JudgedRoi } from './judge-tissue.ts';
import { countsByPatient, type Measure, resampledIntervals } from './resampled-intervals.ts';
import { breakdownOf, drawFor, type ResampleEvidence } from './uncertainty.ts';
import type { HeVerdictFile } from './verdict-file.ts';

/** The first two labels, Unannotated and Background, have no Dice. */
const FIRST_TISSUE = 2;

/**
 * Computes Dice from a 17 x 17 confusion matrix, overall and per class: first for all classes, then for the TIL use
 * case, in the order of `verdict/he.json`. Null for a class without ground-truth pixels.
 */
export const measureTissue: Measure = (counts) => {
  const confusion = new ConfusionMatrix(HE_LABELS.length, counts);
  return [...measureLabels(confusion, HE_LABELS), ...measureLabels(tilConfusion(confusion), TIL_LABELS)];
};

/** Names of the scores of `measureTissue`; those of the TIL use case are written as `TIL: Stroma`. */
export const TISSUE_MEASURES: readonly string[] = [
  ...namesOf(HE_LABELS),
  ...namesOf(TIL_LABELS).map((name) => `TIL: ${name}`),
];

function namesOf(labels: readonly TissueLabel[]): readonly string[] {
  return ['Overall', ...labels.slice(FIRST_TISSUE).map(({ name }) => name)];
}

function measureLabels(confusion: ConfusionMatrix, labels: readonly TissueLabel[]): (number | null)[] {
  const { overall, perClass } = diceScores(confusion, labels);
  const tissue = labels.slice(FIRST_TISSUE);
  const isEmpty = tissue.every(({ value }) => confusion.rowSum(value) === 0);
  return [
    isEmpty ? null : overall,
    ...tissue.map(({ name, value }) => (confusion.rowSum(value) === 0 ? null : (perClass[name] ?? null))),
  ];
}

/** Adds to a tissue verdict the confidence intervals over patients, and the breakdown by columns of the overview. */
export function addTissueUncertainty(
  verdict: HeVerdictFile,
  rois: readonly JudgedRoi[],
  overview: OverviewByStem,
  config: VerdictConfig,
): { readonly verdict: HeVerdictFile; readonly evidence: ResampleEvidence } {
  const counts = rois.flatMap((roi) =>
    roi.kind === 'compared' ? [{ roi: roi.roi, published: roi.published.counts(), ours: roi.ours.counts() }] : [],
  );
  const patients = countsByPatient(counts, overview);
  const { uncertainty, warnings, ...evidence } = drawFor(
    patients,
    ['confusion'],
    HE_LABELS.length,
    measureTissue,
    config,
  );
  const intervals = resampledIntervals(patients, evidence.draws, measureTissue);
  const { all, til, between } = verdict.dice;
  const names = [...all.map(({ name }) => name), ...til.map(({ name }) => `TIL: ${name}`)];
  return {
    evidence,
    verdict: {
      ...verdict,
      dice: {
        all: all.map((metric, k) => ({ ...metric, ...intervals[k] })),
        til: til.map((metric, k) => ({ ...metric, ...intervals[all.length + k] })),
        between,
      },
      uncertainty,
      breakdown: breakdownOf(counts, overview, names, measureTissue),
      warnings: [...verdict.warnings, ...warnings],
    },
  };
}
