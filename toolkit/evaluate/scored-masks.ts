import { existsSync } from 'node:fs';
import type { TissueTask } from '../../config/tasks.ts';
import { publishedMaskIn } from '../dataset/find-files.ts';
import { readMaskPair } from '../dataset/read-mask-pair.ts';
import type { HeTestRoi } from '../dataset/test-rois.ts';
import { inside } from '../files/inside.ts';
import type { ConfusionMatrix } from '../metrics/confusion-matrix.ts';
import { evaluateHe, type HeEvaluation, type RoiMasks, sumOfConfusions } from '../metrics/evaluate-he.ts';
import {
  labelCounts,
  type WithoutPrediction,
  withoutPrediction,
  withStrayPredictions,
} from '../metrics/without-prediction.ts';
import type { RoiCounts } from '../verdict/patients.ts';
import { type LabelTranslation, translateLabels } from './label-translation.ts';

/** An ROI and the absolute path of the mask to score. */
export interface Pair extends HeTestRoi {
  readonly prediction: string;
}

/** Counts of masks under the paper's protocol, and of the pixels that it does not count. */
export interface ScoredMasks extends HeEvaluation {
  /** 17 x 17 counts of every ROI, with predictions that are not a label as Unannotated. */
  readonly filled: readonly { readonly roi: string; readonly confusion: ConfusionMatrix }[];
  readonly without: WithoutPrediction;
}

/** The scored masks, and the published ones if none is missing. */
export interface BothMasks {
  readonly own: ScoredMasks;
  readonly published: ScoredMasks | undefined;
}

/** Scores masks, after translating their values if `labels` is given. */
export async function scoreMasks(
  data: string,
  pairs: readonly Pair[],
  labels?: LabelTranslation,
): Promise<ScoredMasks> {
  const truths: (readonly number[])[] = [];
  const evaluation = await evaluateHe(readPairs(data, pairs, labels, (truth) => truths.push(labelCounts(truth))));
  const filled = evaluation.rois.map(({ roi, confusion }, k) => ({
    roi,
    confusion: withStrayPredictions(confusion, truths[k] ?? []),
  }));
  const without = withoutPrediction(sumOfConfusions(filled.map(({ confusion }) => confusion)));
  return { ...evaluation, filled, without };
}

async function* readPairs(
  data: string,
  pairs: readonly Pair[],
  labels: LabelTranslation | undefined,
  onTruth: (truth: Uint8Array) => void,
): AsyncGenerator<RoiMasks> {
  for (const { roi, annotation, prediction } of pairs) {
    const masks = await readMaskPair(roi, inside(data, annotation), prediction);
    onTruth(masks.truth);
    yield labels === undefined ? masks : { ...masks, prediction: translateLabels(masks.prediction, labels) };
  }
}

/** Scores the published masks under the same protocol; undefined if any is missing. */
export async function scorePublished(
  data: string,
  task: TissueTask,
  pairs: readonly Pair[],
): Promise<ScoredMasks | undefined> {
  const published = pairs.map((pair) => ({
    ...pair,
    prediction: inside(data, publishedMaskIn(data, task, pair.roi)),
  }));
  if (!published.every(({ prediction }) => existsSync(prediction))) return undefined;
  return scoreMasks(data, published);
}

/** Returns the counts of ROIs for resampling. Without published masks, `published` repeats our counts. */
export function countsOf(own: HeEvaluation['rois'], published: HeEvaluation['rois'] | undefined): RoiCounts[] {
  return own.map(({ roi, confusion }, k) => ({
    roi,
    ours: confusion.counts(),
    published: (published?.[k]?.confusion ?? confusion).counts(),
  }));
}
