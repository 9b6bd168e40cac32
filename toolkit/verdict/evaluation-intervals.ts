import type { VerdictConfig } from '../../config/verdict-config.ts';
import type { WithoutPrediction } from '../metrics/without-prediction.ts';
import { countsByPatient, type OverviewByStem, type RoiCounts } from './patients.ts';
import { type Measure, type MetricIntervals, resampledIntervals } from './resampled-intervals.ts';
import { drawResamples } from './resamples.ts';
import { describeDraws } from './uncertainty.ts';
import type { Uncertainty } from './verdict-file.ts';

/** `metrics/<task>.intervals.json`: how sure the numbers of an evaluation are. */
export interface EvaluationIntervals extends Uncertainty {
  readonly warnings: readonly string[];
  /** By the number's name; of the published predictions and the difference from them only where those are compared. */
  readonly intervals: Readonly<Record<string, MetricIntervals>>;
  /** Of masks: annotated pixels that they leave out, and the numbers with these as missed. */
  readonly withoutPrediction?: WithoutPrediction;
  readonly publishedWithoutPrediction?: WithoutPrediction;
  /** Of points: images and points that weigh on the numbers without showing in them. */
  readonly coverage?: PointsCoverage;
}

/** What points leave out, or have too many. */
export interface PointsCoverage {
  readonly images: number;
  /** Images without a file: everything on them counts as missed. */
  readonly withoutFile: readonly string[];
  /** Images with a file that holds no point. */
  readonly withoutPoints: readonly string[];
  readonly points: number;
  /** Points outside the annotated box of their image, where readers did not annotate: each is a false alarm. */
  readonly outsideBox: number;
}

/**
 * 95 % percentile intervals over patients of the numbers of an evaluation.
 *
 * @param measured.names - Of what `measured.measure` gives.
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
