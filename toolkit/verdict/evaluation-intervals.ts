import type { VerdictConfig } from '../../config/verdict-config.ts';
import type { WithoutPrediction } from '../metrics/without-prediction.ts';
import { countsByPatient, type OverviewByStem, type RoiCounts } from './patients.ts';
import { type Measure, type MetricIntervals, resampledIntervals } from './resampled-intervals.ts';
import { drawResamples } from './resamples.ts';
import { describeDraws } from './uncertainty.ts';
import type { Uncertainty } from './verdict-file.ts';

/** `metrics/<task>.intervals.json`: confidence intervals of the scores of an evaluation. */
export interface EvaluationIntervals extends Uncertainty {
  readonly warnings: readonly string[];
  /**
   * By name of the score. Those of the published predictions, and of the difference from them, only if these are
   * compared.
   */
  readonly intervals: Readonly<Record<string, MetricIntervals>>;
  /** For masks: annotated pixels without a prediction, and the scores if these count as missed. */
  readonly withoutPrediction?: WithoutPrediction;
  readonly publishedWithoutPrediction?: WithoutPrediction;
  /** For points: images and points that affect the scores without being visible in them. */
  readonly coverage?: PointsCoverage;
}

/** Images without points, and points where nothing was annotated. */
export interface PointsCoverage {
  readonly images: number;
  /** Images without a file: all their annotated cells count as missed. */
  readonly withoutFile: readonly string[];
  /** Images whose file has no points. */
  readonly withoutPoints: readonly string[];
  readonly points: number;
  /** Points outside the annotated box of their image, where readers did not annotate: each is a false positive. */
  readonly outsideBox: number;
}

/**
 * Computes 95 % percentile intervals over patients for the scores of an evaluation.
 *
 * @param measured.names - Names of the values that `measured.measure` returns.
 * @param measured.isCompared - Whether the counts also hold published predictions.
 */
export function evaluationIntervals(
  {
    rois,
    names,
    measure,
    isCompared,
  }: {
    readonly rois: readonly RoiCounts[];
    readonly names: readonly string[];
    readonly measure: Measure;
    readonly isCompared: boolean;
  },
  overview: OverviewByStem,
  config: Pick<VerdictConfig, 'resamples' | 'seed'>,
): EvaluationIntervals {
  const patients = countsByPatient(rois, overview);
  const draws = drawResamples(patients.length, config.resamples, config.seed);
  const intervals = resampledIntervals(patients, draws, measure).map(({ oursInterval, ...compared }, k) => [
    names[k] ?? '',
    { ...(oursInterval && { oursInterval }), ...(isCompared && compared) },
  ]);
  return { ...describeDraws(patients, measure, config), intervals: Object.fromEntries(intervals) };
}
