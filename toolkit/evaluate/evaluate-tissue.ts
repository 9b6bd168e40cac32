import { existsSync } from 'node:fs';
import { basename, join, parse } from 'node:path';
import type { TissueTask } from '../../config/tasks.ts';
import { VerdictConfig } from '../../config/verdict-config.ts';
import { folderOf, overviewFileIn } from '../dataset/layout.ts';
import { type OverviewByStem, overviewByStem, readOverview } from '../dataset/overview.ts';
import { heTestRoisOf, rowsNearlyTested } from '../dataset/test-rois.ts';
import { HE_LABELS, type LabelTranslation, TIL_LABELS, translateLabels } from '../dataset/tissue-labels.ts';
import { drawCaseFigure } from '../figures/case-figure.ts';
import { renderHeFigures } from '../figures/he-figures.ts';
import { inside } from '../files/folders.ts';
import { firstOf } from '../format.ts';
import { decodeByteLabels, decodeLabels, type LabelImage } from '../image/decode-labels.ts';
import { decodeRgb } from '../image/decode-pixels.ts';
import { type ClassSubset, describeSubset, type SubsetDice, subsetDice } from '../metrics/class-subset.ts';
import { ConfusionMatrix } from '../metrics/confusion-matrix.ts';
import { type DiceScores, describeWithoutPrediction, tilConfusion } from '../metrics/dice.ts';
import { heMetrics, overallDice, sumOfConfusions } from '../metrics/he-metrics.ts';
import type { Evaluated, EvaluationInput, ScoreRow } from '../tasks/work.ts';
import { measureTissue, TISSUE_MEASURES } from '../verdict/tissue-uncertainty.ts';
import { type EvaluationIntervals, evaluationIntervals } from '../verdict/uncertainty.ts';
import { digestsOf, patientsFile, writeMetrics } from './evaluation.ts';
import { describeUnscored, namesIn, namesLike, predictionName } from './prediction-files.ts';
import {
  type BothMasks,
  checkMasks,
  countsOf,
  type Pair,
  type ScoredMasks,
  scoreMasks,
  scorePublished,
} from './scored-masks.ts';

/** Scores masks under the paper's protocol: one PNG or TIFF of label values per ROI, named as in the record's inference/he. */
export async function evaluateTissue(
  task: TissueTask,
  { data, predictions, out, labels, classes }: EvaluationInput,
): Promise<Evaluated> {
  const figures = join(out, folderOf('figures', task));
  const overview = await readOverview(await overviewFileIn(data));
  const rois = heTestRoisOf(overview, data);
  const found = await namesIn(predictions);
  const like = namesLike(found);
  const pairs = rois.map((roi) => ({
    ...roi,
    prediction: join(predictions, predictionName(roi.roi, 'mask', like)),
  }));
  const checked = pairs.map((pair) => ({ ...pair, annotation: inside(data, pair.annotation) }));
  const maskRemarks = await checkMasks(checked, labels);
  const notScored = describeNotScored(found, pairs);
  const both = { own: await scoreMasks(data, pairs, labels), published: await scorePublished(data, task, pairs) };
  const patients = overviewByStem(overview);
  const metrics = heMetrics(both.own.total);
  const paper = paperIntervals(both, patients);
  const subset = classes && tissueSubsetScores(classes, both, patients);
  const left = whatIsLeftOut(both, subset);
  const intervals: EvaluationIntervals = {
    ...paper,
    warnings: [...left.warnings, ...rowsNearlyTested(overview), ...paper.warnings],
    withoutPrediction: both.own.without,
    ...(both.published && { publishedWithoutPrediction: both.published.without }),
  };
  const evidence = {
    source: {
      data,
      predictions,
      files: await digestsOf(checked.map(({ prediction }) => [basename(prediction), prediction])),
      truth: await digestsOf(checked.map(({ roi, annotation }) => [roi, annotation])),
      ...(labels && { labels: labels.map((label) => label ?? null) }),
      ...(classes && { classes: [...classes.names] }),
    },
    counts: patientsFile(['confusion'], HE_LABELS.length, countsOf(both.own.rois, both.published?.rois), patients),
  };
  await writeMetrics(out, task, { metrics, intervals, ...(subset && { classes: subset.file }) }, evidence);
  if (classes === undefined) await renderHeFigures({ metrics, outDir: figures });
  const undrawn = await drawCases(data, join(figures, 'cases'), pairs, labels);
  return {
    metrics,
    intervals,
    images: pairs.length,
    rows: subset?.rows ?? tissueRows(both, intervals),
    ...(subset && { classes: subset.file }),
    remarks: [
      ...(classes === undefined ? [] : [describeSubset(classes)]),
      ...maskRemarks,
      ...notScored,
      ...undrawn,
      ...left.remarks,
    ],
  };
}

const MASK = /\.(?:png|tiff?)$/i;
const MAX_NAMED = 5;

/** Describes the masks that are not scored: those without an ROI, and those next to a scored mask of the same ROI. */
function describeNotScored(found: readonly string[], pairs: readonly Pair[]): readonly string[] {
  const scored = new Set(pairs.map(({ prediction }) => basename(prediction)));
  const rois = new Set(pairs.map(({ roi }) => roi.normalize('NFC')));
  const others = found.filter((name) => MASK.test(name) && !scored.has(name)).sort();
  const isOfRoi = (name: string) => rois.has(parse(name.normalize('NFC')).name);
  const second = others.filter(isOfRoi);
  const [is, its] = second.length === 1 ? ['is', 'its ROI has'] : ['are', 'their ROIs have'];
  return [
    ...describeUnscored(
      others.filter((name) => !isOfRoi(name)),
      'ROI of the test set',
    ),
    ...(second.length > 0 ? [`${firstOf(second, MAX_NAMED)} ${is} not scored, because ${its} another mask.`] : []),
  ];
}

function paperIntervals({ own, published }: BothMasks, patients: OverviewByStem): EvaluationIntervals {
  const isCompared = published !== undefined;
  const rois = countsOf(own.rois, published?.rois);
  const measured = { rois, names: TISSUE_MEASURES, measure: measureTissue, isCompared };
  return evaluationIntervals(measured, patients, VerdictConfig.parse({}));
}

/** Describes pixels without a prediction, where there are any. */
function whatIsLeftOut({ own, published }: BothMasks, subset: TissueSubsetScores | undefined) {
  const ofOwn = own.without.pixels > 0 ? [saidOf('The masks', own, subset?.overall)] : [];
  const isLoud = (sentence: string) => sentence.startsWith('WARNING');
  const isInPublished = published !== undefined && published.without.pixels > 0;
  return {
    remarks: ofOwn.filter((sentence) => !isLoud(sentence)),
    warnings: [
      ...ofOwn.filter(isLoud),
      ...(isInPublished ? [saidOf('The published masks', published, subset?.published)] : []),
    ],
  };
}

/** Describes these pixels with the displayed Dice: the paper's, or that of the selected classes. */
function saidOf(whose: string, { total, without }: ScoredMasks, subset: ShownOverall | undefined): string {
  const paper = { shown: overallDice(total), missed: without.all.overall };
  return describeWithoutPrediction(whose, without, subset ?? paper, subset === undefined ? 'left out' : 'other');
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
      out: join(out, `${roi}.png`),
    });
    if (!figure.drawn) remarks.push(`${roi}: no figure. ${figure.reason}.`);
  }
  return remarks;
}

async function readPrediction(path: string, labels: LabelTranslation | undefined): Promise<LabelImage> {
  const mask = await decodeByteLabels(path);
  return labels === undefined ? mask : { ...mask, data: translateLabels(mask.data, labels) };
}

/** Returns Dice overall and per class, then for the TIL use case; a class without ground-truth pixels is absent. */
function tissueRows({ own, published }: BothMasks, { intervals }: Pick<EvaluationIntervals, 'intervals'>): ScoreRow[] {
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
interface ShownOverall {
  readonly shown: number;
  readonly missed: number;
}

interface TissueSubsetScores {
  readonly rows: readonly ScoreRow[];
  readonly overall: ShownOverall;
  readonly published?: ShownOverall;
  /** `metrics/he.classes.json`. */
  readonly file: object;
}

/** Computes Dice of the requested classes, with all others merged. */
function tissueSubsetScores(
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
