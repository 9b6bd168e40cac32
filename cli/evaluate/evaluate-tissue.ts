import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { VerdictConfig } from '../../config/verdict-config.ts';
import { rowsNearlyTested } from '../../toolkit/dataset/he-test-rows.ts';
import { OVERVIEW_FILE } from '../../toolkit/dataset/layout.ts';
import { readOverview } from '../../toolkit/dataset/overview.ts';
import { readMaskPair } from '../../toolkit/dataset/read-mask-pair.ts';
import { type HeTestRoi, heTestRoisOf } from '../../toolkit/dataset/test-rois.ts';
import { drawCaseFigure } from '../../toolkit/figures/case-figure.ts';
import { renderHeFigures } from '../../toolkit/figures/he-figures.ts';
import { inside } from '../../toolkit/files/inside.ts';
import { decodeLabels, type LabelImage } from '../../toolkit/image/decode-labels.ts';
import { decodeRgb } from '../../toolkit/image/decode-rgb.ts';
import type { ConfusionMatrix } from '../../toolkit/metrics/confusion-matrix.ts';
import { evaluateHe, type HeEvaluation, type RoiMasks, sumOfConfusions } from '../../toolkit/metrics/evaluate-he.ts';
import { heMetrics } from '../../toolkit/metrics/he-metrics.ts';
import {
  describeWithoutPrediction,
  labelCounts,
  type WithoutPrediction,
  withoutPrediction,
  withStrayPredictions,
} from '../../toolkit/metrics/without-prediction.ts';
import { type EvaluationIntervals, evaluationIntervals } from '../../toolkit/verdict/evaluation-intervals.ts';
import { overviewByStem } from '../../toolkit/verdict/patients.ts';
import { measureTissue, TISSUE_MEASURES } from '../../toolkit/verdict/tissue-measure.ts';
import { checkMasks } from './check-masks.ts';
import { describeSubset, type Evaluated, type EvaluationInput, writeMetrics } from './evaluation.ts';
import { type LabelTranslation, translateLabels } from './label-translation.ts';
import { tissueRows } from './tissue-rows.ts';
import { tissueSubsetScores } from './tissue-subset-scores.ts';

interface Pair extends HeTestRoi {
  readonly prediction: string;
}

/** Masks as the paper counts them, and what it does not count. */
export interface ScoredMasks extends HeEvaluation {
  /** 17 x 17 of every ROI, with predictions that are no label as Unannotated. */
  readonly filled: readonly { readonly roi: string; readonly confusion: ConfusionMatrix }[];
  readonly without: WithoutPrediction;
}

/** Scores masks as the paper scores its own: one PNG of label values an ROI, named as in the record's inference/he. */
export async function evaluateTissue({ data, predictions, out, labels, classes }: EvaluationInput): Promise<Evaluated> {
  const overview = await readOverview(inside(data, OVERVIEW_FILE));
  const pairs = heTestRoisOf(overview, data).map((roi) => ({
    ...roi,
    prediction: join(predictions, `${roi.roi}.png`),
  }));
  const checked = pairs.map((pair) => ({ ...pair, annotation: inside(data, pair.annotation) }));
  const odd = await checkMasks(checked, labels);
  const own = await scoreMasks(data, pairs, labels);
  const published = await scorePublished(data, pairs);
  const metrics = heMetrics(own.total);
  const config = VerdictConfig.parse({});
  const patients = overviewByStem(overview);
  const counts = countsOf(own.rois, published?.rois);
  const measured = {
    rois: counts,
    names: TISSUE_MEASURES,
    measure: measureTissue,
    isCompared: published !== undefined,
  };
  const paper = evaluationIntervals(measured, patients, config);
  const said = describeWithoutPrediction('The masks', metrics.all.overall, own.without);
  const warnings = [
    ...(said.startsWith('WARNING') ? [said] : []),
    ...publishedWarning(published),
    ...rowsNearlyTested(overview),
  ];
  const intervals: EvaluationIntervals = {
    ...paper,
    warnings: [...warnings, ...paper.warnings],
    withoutPrediction: own.without,
    ...(published && { publishedWithoutPrediction: published.without }),
  };
  const subset =
    classes &&
    tissueSubsetScores(classes, { own, published }, countsOf(own.filled, published?.filled), patients, config);
  await writeMetrics(out, 'he', { metrics, intervals, ...(subset && { classes: subset.file }) });
  if (classes === undefined) await renderHeFigures({ metrics, outDir: join(out, 'figures', 'he') });
  return {
    metrics,
    intervals,
    images: pairs.length,
    rows: subset?.rows ?? tissueRows(own, published, intervals),
    ...(subset && { classes: subset.file }),
    remarks: [
      ...(classes === undefined ? [] : [describeSubset(classes)]),
      ...odd,
      ...(await drawCases(data, out, pairs, labels)),
      ...(said.startsWith('WARNING') ? [] : [said]),
    ],
  };
}

async function scoreMasks(data: string, pairs: readonly Pair[], labels?: LabelTranslation): Promise<ScoredMasks> {
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

/** The published masks under the same protocol; undefined unless all of them are there. */
async function scorePublished(data: string, pairs: readonly Pair[]): Promise<ScoredMasks | undefined> {
  const published = pairs.map((pair) => ({ ...pair, prediction: inside(data, `inference/he/${pair.roi}.png`) }));
  if (!published.every(({ prediction }) => existsSync(prediction))) return undefined;
  return scoreMasks(data, published);
}

function publishedWarning(published: ScoredMasks | undefined): readonly string[] {
  if (published === undefined || published.without.pixels === 0) return [];
  const { overall } = heMetrics(published.total).all;
  return [describeWithoutPrediction('The published masks', overall, published.without)];
}

function countsOf(own: HeEvaluation['rois'], published: HeEvaluation['rois'] | undefined) {
  return own.map(({ roi, confusion }, k) => ({
    roi,
    ours: confusion.counts(),
    published: (published?.[k]?.confusion ?? confusion).counts(),
  }));
}

async function drawCases(
  data: string,
  out: string,
  pairs: readonly Pair[],
  labels: LabelTranslation | undefined,
): Promise<string[]> {
  const remarks: string[] = [];
  for (const { roi, image, annotation, prediction } of pairs) {
    const path = inside(data, image);
    if (!existsSync(path)) continue;
    const figure = await drawCaseFigure({
      roi,
      image: await decodeRgb(path),
      truth: await decodeLabels(inside(data, annotation)),
      prediction: await readPrediction(prediction, labels),
      out: join(out, 'figures', 'he', 'cases', `${roi}.png`),
    });
    if (!figure.drawn) remarks.push(`${roi}: no figure. ${figure.reason}.`);
  }
  return remarks;
}

async function readPrediction(path: string, labels: LabelTranslation | undefined): Promise<LabelImage> {
  const mask = await decodeLabels(path);
  return labels === undefined ? mask : { ...mask, data: translateLabels(mask.data, labels) };
}
