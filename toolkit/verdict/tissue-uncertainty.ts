import type { VerdictConfig } from '../../config/verdict-config.ts';
import { HE_LABELS } from '../dataset/he-labels.ts';
import { breakdownOf } from './breakdown.ts';
import type { JudgedRoi } from './judge-tissue.ts';
import { countsByPatient, type OverviewByStem } from './patients.ts';
import { resampledIntervals } from './resampled-intervals.ts';
import { measureTissue } from './tissue-measure.ts';
import { drawFor, type ResampleEvidence } from './uncertainty.ts';
import type { HeVerdictFile } from './verdict-file.ts';

/**
 * Puts to a verdict on tissue how sure its numbers are: intervals over patients, and the breakdown by what the
 * overview says of ROIs.
 */
export function addTissueUncertainty(
  verdict: HeVerdictFile,
  rois: readonly JudgedRoi[],
  overview: OverviewByStem,
  config: VerdictConfig,
): { readonly verdict: HeVerdictFile; readonly evidence: ResampleEvidence } {
  const counts = rois.flatMap((roi) =>
    'comparison' in roi ? [{ roi: roi.roi, published: roi.published.counts(), ours: roi.ours.counts() }] : [],
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
