import type { TissueTask } from '../../config/tasks.ts';
import type { HalfPrecision, VerdictConfig } from '../../config/verdict-config.ts';
import { HE_LABELS, TIL_LABELS, type TissueLabel } from '../dataset/tissue-labels.ts';
import { counted, grouped, percentText, shortNumber } from '../format.ts';
import { ConfusionMatrix } from '../metrics/confusion-matrix.ts';
import {
  describeWithoutPrediction,
  dicePerLabel,
  microDice,
  tilConfusion,
  withoutPrediction,
  withStrayPredictions,
} from '../metrics/dice.ts';
import { diceScores, overallDice, sumOfConfusions } from '../metrics/he-metrics.ts';
import { CONFIDENCE_ROUNDING, type MaskComparison, sumOfComparisons } from './compare-roi.ts';
import {
  type ComparedMetric,
  type EvaluationVerdict,
  type HalfPrecisionComparison,
  type HeRoiVerdict,
  type HeVerdictFile,
  type MaskExplanation,
  mostSevere,
  partialCoverage,
  type Verdict,
  worstFirst,
} from './verdict-file.ts';

/** The 17 x 17 confusion matrices of an ROI; `published` is absent without a published mask. */
export interface ScoredRoi {
  readonly ours: ConfusionMatrix;
  readonly published?: ConfusionMatrix;
}

/**
 * Counts the annotated pixels for which the published masks and ours have no prediction, and makes the warnings about
 * them.
 *
 * A matrix does not count a pixel whose predicted value is not a label. Where the other side's matrix has more pixels
 * of a true label, the difference is the number of these.
 */
export function tissueWithoutPrediction(
  rois: readonly ScoredRoi[],
): Pick<HeVerdictFile, 'warnings'> & { readonly withoutPrediction: NonNullable<HeVerdictFile['withoutPrediction']> } {
  const both = rois.flatMap(({ ours, published }) => (published === undefined ? [] : [{ ours, published }]));
  const sides = {
    published: both.map(({ ours, published }) => filled(published, ours)),
    ours: rois.map(({ ours, published }) => filled(ours, published ?? ours)),
  };
  const sideOf = (confusions: readonly ConfusionMatrix[], whose: string) => {
    const total = sumOfConfusions(confusions);
    const without = withoutPrediction(total);
    const overall = { shown: overallDice(total), missed: without.all.overall };
    const said = without.pixels === 0 ? [] : [describeWithoutPrediction(whose, without, overall)];
    return { without, said };
  };
  const published = sideOf(sides.published, 'The published masks');
  const ours = sideOf(sides.ours, 'The reproduced masks');
  return {
    withoutPrediction: { published: published.without, ours: ours.without },
    warnings: [...published.said, ...ours.said],
  };
}

function filled(confusion: ConfusionMatrix, other: ConfusionMatrix): ConfusionMatrix {
  return withStrayPredictions(
    confusion,
    Array.from({ length: other.size }, (_, label) => other.rowSum(label)),
  );
}

type Tolerances = VerdictConfig['he'];

/** An ROI with a published and a reproduced mask. */
export interface ComparedRoi {
  readonly kind: 'compared';
  readonly roi: string;
  readonly comparison: MaskComparison;
  /** 17 x 17, ground truth and published mask. */
  readonly published: ConfusionMatrix;
  /** 17 x 17, ground truth and our mask. */
  readonly ours: ConfusionMatrix;
}

/** An ROI that cannot be compared, and why. */
export interface IncomparableRoi {
  readonly kind: 'not compared';
  readonly roi: string;
  readonly reason: string;
  /** 17 x 17, ground truth and our mask; absent if this run has no mask. */
  readonly ours?: ConfusionMatrix;
}

export type JudgedRoi = ComparedRoi | IncomparableRoi;

/**
 * Gives the two verdicts on H&E segmentation: on the evaluation (published masks, scored here, against the published
 * matrix) and on the inference (our masks against the published ones, per ROI and pooled).
 *
 * @param rois - In the order of the test set.
 * @param publishedMatrix - `figures/he/cm.npy` of the record, 17 x 17; undefined where there is none.
 */
export function judgeTissue(
  task: TissueTask,
  rois: readonly JudgedRoi[],
  publishedMatrix: ConfusionMatrix | undefined,
  tolerances: Tolerances,
): HeVerdictFile {
  const compared = rois.filter((roi) => roi.kind === 'compared');
  const published = sumOfConfusions(compared.map((roi) => roi.published));
  const ours = sumOfConfusions(compared.map((roi) => roi.ours));
  const pooled = sumOfComparisons(
    compared.map(({ comparison }) => comparison),
    HE_LABELS.length,
  );
  const dice = {
    all: comparedDice(published, ours, HE_LABELS, tolerances),
    til: comparedDice(tilConfusion(published), tilConfusion(ours), TIL_LABELS, tolerances),
    between: diceBetween(pooled),
  };
  const judged = rois.map((roi) => judgeRoi(roi, tolerances));
  const inference = judgeInference(judged, pooled, [...dice.all, ...dice.til], tolerances);
  const evaluation = judgeEvaluation(published, publishedMatrix, rois);
  const scored = tissueWithoutPrediction(
    rois.flatMap((roi) => (roi.ours === undefined ? [] : [{ ...roi, ours: roi.ours }])),
  );
  return {
    task,
    verdict: mostSevere([evaluation.verdict, inference.verdict]),
    evaluation,
    inference,
    dice,
    ...scored,
    warnings: [...partialCoverage(judged), ...scored.warnings],
    rois: judged,
    worst: worstFirst(judged),
  };
}

/** Gives the verdict on the masks of one ROI, or of all ROIs pooled. */
function verdictOnMasks(
  { pixels, differing, largestConfidence, lowConfidence }: MaskComparison,
  t: Tolerances,
): Verdict {
  if (pixels === 0) return 'not comparable';
  if (
    differing <= t.reproduced.maxDifferingFraction * pixels &&
    largestConfidence <= t.reproduced.maxConfidence + CONFIDENCE_ROUNDING
  )
    return 'reproduced';
  if (
    differing <= t.tolerance.maxDifferingFraction * pixels &&
    lowConfidence >= t.tolerance.minLowConfidenceFraction * differing
  )
    return 'within tolerance';
  return 'differs';
}

/** Finds the simplest explanation for the pixels in which masks differ. */
function explanationOf({ pixels, differing, largestConfidence }: MaskComparison, t: Tolerances): MaskExplanation {
  if (differing === 0) return 'identical';
  if (largestConfidence <= t.reproduced.maxConfidence + CONFIDENCE_ROUNDING) return 'ties';
  const mostPixels = t.halfPrecision?.differingFraction.high ?? 0;
  const mostConfidence = t.halfPrecision?.largestConfidence.high ?? 0;
  const isSmall = differing <= Math.max(t.tolerance.maxDifferingFraction, mostPixels) * pixels;
  const isUnsure = largestConfidence <= Math.max(t.maxHalfPrecisionConfidence, mostConfidence) + CONFIDENCE_ROUNDING;
  return isSmall && isUnsure ? 'half precision' : 'unexplained';
}

/** Changes `differs` to `within tolerance` if half precision explains the differences. */
function verdictWith(explanation: MaskExplanation, verdict: Verdict): Verdict {
  return verdict === 'differs' && explanation === 'half precision' ? 'within tolerance' : verdict;
}

const EXPLANATIONS: Readonly<Record<MaskExplanation, string>> = {
  identical: 'No difference was found.',
  ties: 'The differing pixels are near ties: rounding decides between two labels.',
  'half precision':
    'Half precision, which the authors used, can explain the differences: few pixels differ, each with a low confidence.',
  unexplained: 'Neither rounding nor half precision explains the differences.',
};

function judgeRoi(judged: JudgedRoi, tolerances: Tolerances): HeRoiVerdict {
  const { roi } = judged;
  if (judged.kind === 'not compared')
    return { roi, verdict: 'not comparable', reason: judged.reason, difference: null };
  const { between: _between, ...comparison } = judged.comparison;
  const explanation = explanationOf(judged.comparison, tolerances);
  return {
    roi,
    verdict: verdictWith(explanation, verdictOnMasks(judged.comparison, tolerances)),
    difference: comparison.pixels === 0 ? 0 : comparison.differing / comparison.pixels,
    comparison,
    explanation,
    published: overallDice(judged.published),
    ours: overallDice(judged.ours),
  };
}

function judgeInference(
  rois: readonly HeRoiVerdict[],
  pooled: MaskComparison,
  dice: readonly ComparedMetric[],
  tolerances: Tolerances,
): HeVerdictFile['inference'] {
  const farthest = Math.max(
    0,
    ...dice.filter(({ judged }) => judged).map(({ difference }) => Math.abs(difference ?? 0)),
  );
  // The Dice of a rare label may exceed the tolerance although half precision explains every single pixel.
  const explanation = explanationOf(pooled, tolerances);
  const onPixels = verdictWith(explanation, verdictOnMasks(pooled, tolerances));
  const onDice: Verdict =
    farthest <= tolerances.tolerance.maxDiceDifference || explanation !== 'unexplained' ? onPixels : 'differs';
  const verdict = mostSevere([onPixels === 'not comparable' ? onPixels : onDice, ...rois.map((roi) => roi.verdict)]);
  const outside = rois.filter((roi) => roi.verdict === 'differs').length;
  const left = rois.filter((roi) => roi.verdict === 'not comparable').length;
  const parts = [
    pooled.pixels === 0
      ? 'No ROI can be compared'
      : `${grouped(pooled.differing)} of ${counted(pooled.pixels, 'pixel')} ${pooled.differing === 1 ? 'differs' : 'differ'}`,
    ...(pooled.differing === 0
      ? []
      : [`the largest confidence of a differing pixel is ${shortNumber(pooled.largestConfidence)}`]),
    ...(pooled.pixels === 0 ? [] : [`the largest difference in Dice is ${shortNumber(farthest)}`]),
    ...(outside === 0 ? [] : [`${counted(outside, 'ROI is', 'ROIs are')} outside the tolerance`]),
    ...(left === 0 ? [] : [`${counted(left, 'ROI')} cannot be compared`]),
  ];
  const { halfPrecision } = tolerances;
  const expected = halfPrecision === undefined ? undefined : expectedOf(halfPrecision, pooled, farthest);
  const said = [
    pooled.pixels === 0 ? '' : EXPLANATIONS[explanation],
    ...(expected === undefined ? [] : [expectedText(expected)]),
  ];
  const reason = [`${parts.join('; ')}.`, ...said.filter((text) => text !== '')].join(' ');
  return { verdict, reason, pooled, explanation, ...(expected === undefined ? {} : { halfPrecision: expected }) };
}

/** Compares the published masks with the prediction intervals of runs in half precision. */
function expectedOf(
  { runs, ...intervals }: HalfPrecision,
  { pixels, differing, largestConfidence }: MaskComparison,
  diceDifference: number,
): HalfPrecisionComparison {
  const found = { differingFraction: pixels === 0 ? 0 : differing / pixels, largestConfidence, diceDifference };
  const compared = (name: keyof typeof found) => {
    const { low, high } = intervals[name];
    return { low, high, found: found[name], within: found[name] >= low && found[name] <= high };
  };
  return {
    runs,
    differingFraction: compared('differingFraction'),
    largestConfidence: compared('largestConfidence'),
    diceDifference: compared('diceDifference'),
  };
}

function expectedText({ runs, differingFraction: { low, high, found } }: HalfPrecisionComparison): string {
  return (
    `According to ${runs} repeated runs in half precision, one more would change ${percentText(low)} to ${percentText(high)} of the pixels ` +
    `(95 % prediction interval); here it is ${percentText(found)}.`
  );
}

function judgeEvaluation(
  scored: ConfusionMatrix,
  matrix: ConfusionMatrix | undefined,
  rois: readonly JudgedRoi[],
): EvaluationVerdict {
  if (matrix === undefined)
    return { verdict: 'not comparable', reason: 'The record has no published confusion matrix.' };
  const without = rois.filter(({ kind }) => kind === 'not compared').length;
  if (without > 0) {
    const reason = `The published matrix covers all ROIs, but ${without} of ${rois.length} cannot be compared.`;
    return { verdict: 'not comparable', reason };
  }
  const [theirs, here] = [matrix.counts(), scored.counts()];
  const differing = here.filter((count, entry) => count !== theirs[entry]).length;
  if (differing === 0)
    return { verdict: 'reproduced', reason: 'Every count of the published confusion matrix is reproduced.' };
  return {
    verdict: 'differs',
    reason: `${differing} of ${here.length} counts ${differing === 1 ? 'differs' : 'differ'} from the published matrix.`,
  };
}

/** Compares Dice, as the paper defines it, of the published masks and ours; null for a class without ground truth. */
function comparedDice(
  published: ConfusionMatrix,
  ours: ConfusionMatrix,
  labels: readonly TissueLabel[],
  { minClassPixels }: Tolerances,
): ComparedMetric[] {
  const [theirs, mine] = [diceScores(published, labels), diceScores(ours, labels)];
  const row = (name: string, truth: number, one: number, other: number): ComparedMetric =>
    truth === 0
      ? { name, truth, judged: false, published: null, ours: null, difference: null }
      : { name, truth, judged: truth >= minClassPixels, published: one, ours: other, difference: other - one };
  // Background has no Dice in the paper: its ground truth is cleared first.
  const classes = labels.slice(2).map(({ name, value }) => {
    return row(name, published.rowSum(value), theirs.perClass[name] ?? 0, mine.perClass[name] ?? 0);
  });
  const tissue = labels.slice(2).reduce((sum, { value }) => sum + published.rowSum(value), 0);
  return [row('Overall', tissue, theirs.overall, mine.overall), ...classes];
}

/** Computes the Dice between the two predictions, independent of the ground truth. It does not affect the verdict. */
function diceBetween({ between }: MaskComparison): ComparedMetric[] {
  const matrix = ConfusionMatrix.fromRows(between);
  const row = (name: string, truth: number, dice: number | null): ComparedMetric => ({
    name,
    truth,
    judged: false,
    published: null,
    ours: dice,
    difference: null,
  });
  const dice = dicePerLabel(matrix);
  const isIn = (label: number) => matrix.rowSum(label) + matrix.columnSum(label) > 0;
  return [
    row('Overall', matrix.total(), microDice(matrix)),
    ...HE_LABELS.map(({ name, value }) => row(name, matrix.rowSum(value), isIn(value) ? (dice[value] ?? 0) : null)),
  ];
}
