import type { CellTask } from '../../config/tasks.ts';
import type { VerdictConfig } from '../../config/verdict-config.ts';
import { describeDoubt } from '../dataset/category-classes.ts';
import type { ReaderAnnotations } from '../dataset/readers-annotations.ts';
import { counted, firstOf, grouped, shortNumber } from '../format.ts';
import { AI, type DetectionMetrics, evaluateDetection, pairName } from '../metrics/agreement.ts';
import type { TieOrder } from '../metrics/match-points.ts';
import type { CellPoint } from '../metrics/points-file.ts';
import { SCRIPT_LIMITS } from '../yolo/detect/nms.ts';
import { type PointsComparison, sumOfPointComparisons } from './compare-roi.ts';
import { compareWithPrinted, type PrintedF1 } from './printed-f1.ts';
import {
  type CellsRoiVerdict,
  type CellsVerdictFile,
  type ComparedMetric,
  type EvaluationVerdict,
  mostSevere,
  type PointsExplanation,
  partialCoverage,
  type Verdict,
  worstFirst,
} from './verdict-file.ts';

type Tolerances = VerdictConfig['cells'];

/** An image with both predictions, or the reason why they cannot be compared. */
export type JudgedImage =
  | {
      readonly kind: 'compared';
      readonly roi: string;
      readonly comparison: PointsComparison;
      readonly published: readonly CellPoint[];
      readonly ours: readonly CellPoint[];
      /** Boxes left out because their tile has more than the authors' scripts keep. @default 0 */
      readonly overLimit?: number;
    }
  | { readonly kind: 'not compared'; readonly roi: string; readonly reason: string };

/**
 * Gives the two verdicts on detection: on the evaluation (the published points, scored here, against F1 values in
 * print, if any) and on the inference (our points against the published ones, per image and pooled, and every F1 of a
 * reader with the AI on both sides).
 */
export function judgeCells(input: {
  readonly task: CellTask;
  readonly images: readonly JudgedImage[];
  readonly annotations: ReaderAnnotations;
  readonly config: VerdictConfig;
  /** F1 values in print. */
  readonly printed?: PrintedF1 | undefined;
  /** Whether this run detects with settings other than those of the published points. @default false */
  readonly hasOtherSettings?: boolean;
}): CellsVerdictFile {
  const { task, images, config, hasOtherSettings = false } = input;
  const compared = new Map(images.flatMap((image) => (image.kind === 'compared' ? [[image.roi, image] as const] : [])));
  const annotations = {
    ...input.annotations,
    images: input.annotations.images.filter(({ stem }) => compared.has(stem)),
  };
  const scoresOf = (side: 'published' | 'ours', tieOrder: TieOrder) =>
    evaluateDetection({ task, annotations, points: (stem) => compared.get(stem)?.[side], tieOrder }).metrics;
  const published = scoresOf('published', 'tree');
  const f1 = comparedF1(published, scoresOf('ours', 'tree'));
  const f1LowestIndex = comparedF1(scoresOf('published', 'lowest-index'), scoresOf('ours', 'lowest-index'));
  const pooled = sumOfPointComparisons([...compared.values()].map(({ comparison }) => comparison));
  const rois = images.map((image) => judgeImage(image, config.cells, hasOtherSettings));
  const inference = judgeInference(rois, pooled, farthestF1(f1, f1LowestIndex), config.cells, hasOtherSettings);
  const evaluation = judgeEvaluation(published, input.printed, images.length - compared.size);
  return {
    task,
    verdict: mostSevere([evaluation.verdict, inference.verdict]),
    evaluation,
    inference,
    f1,
    f1LowestIndex,
    readers: readerRanges(published),
    warnings: [
      ...partialCoverage(rois),
      ...(annotations.doubt === undefined ? [] : [describeDoubt(annotations.doubt, task)]),
      ...overLimitWarning(images),
    ],
    rois,
    worst: worstFirst(rois),
  };
}

/** Names the ROIs with more boxes than the authors' scripts keep per tile: their cells are incomplete, as in the paper. */
function overLimitWarning(images: readonly JudgedImage[]): readonly string[] {
  const over = images.flatMap((image) => {
    return image.kind === 'compared' && (image.overLimit ?? 0) > 0
      ? [{ roi: image.roi, boxes: image.overLimit ?? 0 }]
      : [];
  });
  if (over.length === 0) return [];
  const boxes = over.reduce((sum, each) => sum + each.boxes, 0);
  const rois = firstOf(over.map(({ roi }) => roi));
  return [
    `WARNING: ${counted(boxes, 'box was', 'boxes were')} left out, because reignite, like the authors' script, keeps at ` +
      `most ${grouped(SCRIPT_LIMITS.maxKept)} per tile: ${rois}. The cells found there are incomplete.`,
  ];
}

/** Gives the verdict on the points of one image, or of all images pooled, from positions, classes and detection scores. */
export function verdictOnPoints({ ours, published, matched, unexplained }: PointsComparison, t: Tolerances): Verdict {
  if (unexplained === 0) return 'reproduced';
  return matched >= t.tolerance.minMatchedFraction * Math.max(ours, published) ? 'within tolerance' : 'differs';
}

function judgeImage(image: JudgedImage, tolerances: Tolerances, hasOtherSettings: boolean): CellsRoiVerdict {
  const { roi } = image;
  if (image.kind === 'not compared') return { roi, verdict: 'not comparable', reason: image.reason, difference: null };
  const { comparison } = image;
  const most = Math.max(comparison.ours, comparison.published);
  return {
    roi,
    verdict: verdictOnPoints(comparison, tolerances),
    difference: most === 0 ? 0 : 1 - comparison.matched / most,
    comparison,
    explanation: orOtherSettings(explanationOf(comparison, tolerances), hasOtherSettings),
  };
}

/** Finds the simplest explanation for the points that differ between two predictions with the same settings. */
export function explanationOf(comparison: PointsComparison, tolerances: Tolerances): PointsExplanation {
  const { extra, missing, farthest } = comparison;
  const verdict = verdictOnPoints(comparison, tolerances);
  if (verdict === 'differs') return 'unexplained';
  if (verdict === 'within tolerance') return extra + missing === 0 ? 'moved' : 'few points';
  return extra + missing === 0 && farthest <= tolerances.reproduced.maxDistance ? 'identical' : 'near the threshold';
}

/** Attributes otherwise unexplained differences to the settings if the run changed them. */
function orOtherSettings(explanation: PointsExplanation, hasOtherSettings: boolean): PointsExplanation {
  const isOpen = explanation === 'unexplained' || explanation === 'few points';
  return isOpen && hasOtherSettings ? 'changed settings' : explanation;
}

const EXPLANATIONS: Readonly<Record<PointsExplanation, string>> = {
  identical: 'No difference was found.',
  'near the threshold': 'The differing points have detection scores so near the threshold that rounding decides.',
  moved: 'The differences are small shifts of the points, such as another floating-point precision causes.',
  'few points':
    'Few points differ, within the tolerance; neither their detection scores nor small shifts explain all of them.',
  'changed settings': 'This run detects with other settings than those of the published points.',
  'other settings': "The other settings in the authors' script explain the differences.",
  unexplained: 'Neither rounding nor known other settings explain the differences.',
};

function judgeInference(
  rois: readonly CellsRoiVerdict[],
  pooled: PointsComparison,
  farthest: number,
  tolerances: Tolerances,
  hasOtherSettings: boolean,
): CellsVerdictFile['inference'] {
  const left = rois.filter(({ verdict }) => verdict === 'not comparable').length;
  if (left === rois.length) return { verdict: 'not comparable', reason: 'No image can be compared.', pooled };
  if (pooled.ours + pooled.published === 0) {
    return { verdict: 'not comparable', reason: 'No image that can be compared has a point.', pooled };
  }
  const onF1: Verdict = farthest <= tolerances.tolerance.maxF1Difference ? 'reproduced' : 'differs';
  const verdict = mostSevere([verdictOnPoints(pooled, tolerances), onF1, ...rois.map((roi) => roi.verdict)]);
  const outside = rois.filter((roi) => roi.verdict === 'differs').length;
  const parts = [
    `${grouped(pooled.matched)} of ${counted(pooled.published, 'published point')} matched, ${grouped(pooled.extra)} more found in this run only`,
    ...(pooled.matched === 0 ? [] : [`the largest distance of a matched point is ${pooled.farthest.toFixed(3)} px`]),
    `the largest difference in F1 is ${shortNumber(farthest)}`,
    ...(outside === 0 ? [] : [`${counted(outside, 'image is', 'images are')} outside the tolerance`]),
    ...(left === 0 ? [] : [`${counted(left, 'image')} cannot be compared`]),
  ];
  const plain = verdict === 'differs' ? 'unexplained' : explanationOf(pooled, tolerances);
  const explanation = orOtherSettings(plain, hasOtherSettings);
  return { verdict, reason: `${parts.join('; ')}. ${EXPLANATIONS[explanation]}`, pooled, explanation };
}

function judgeEvaluation(scored: DetectionMetrics, printed: PrintedF1 | undefined, without: number): EvaluationVerdict {
  if (printed === undefined || without === 0) return compareWithPrinted(scored, printed);
  const reason = `${counted(without, 'image')} cannot be compared, but the published F1 values cover all images.`;
  return { verdict: 'not comparable', reason };
}

/** Lists the macro F1 of every pair. */
function pairsOf({ groups }: DetectionMetrics): { group: string; pair: string; score: number | null }[] {
  return Object.entries(groups).flatMap(([group, { readers, f1 }]) =>
    readers.flatMap((truth, i) =>
      readers.slice(i + 1).map((prediction, k) => ({
        group,
        pair: pairName(truth, prediction),
        score: f1['macro']?.[i]?.[i + 1 + k] ?? null,
      })),
    ),
  );
}

/** Compares F1 of every reader with the AI, macro and per class: the only pairs that the inference can change. */
function comparedF1(published: DetectionMetrics, ours: DetectionMetrics): ComparedMetric[] {
  return Object.entries(published.groups).flatMap(([group, { readers, f1, confusion }]) =>
    Object.entries(f1).flatMap(([average, scores]) =>
      readers.slice(0, -1).map((reader, i): ComparedMetric => {
        const last = readers.length - 1;
        const counts = confusion[pairName(reader, AI)];
        // A class without a point of the reader has no F1; metrics/ says 0 for such an empty class.
        const truth = average === 'macro' ? undefined : sumOf(counts?.[Number(average)]);
        const isAbsent = truth === 0;
        const theirs = isAbsent ? null : (scores[i]?.[last] ?? null);
        const mine = isAbsent ? null : (groupOf(ours, group)?.f1[average]?.[i]?.[last] ?? null);
        const difference = theirs === null || mine === null ? null : mine - theirs;
        const name = `${group}: ${pairName(reader, AI)}, ${average === 'macro' ? 'macro' : `class ${average}`}`;
        const known = truth === undefined ? {} : { truth };
        return { name, ...known, judged: difference !== null, published: theirs, ours: mine, difference };
      }),
    ),
  );
}

/** Sums a row of a confusion matrix; undefined where the pair has no image in common. */
function sumOf(row: readonly number[] | undefined): number | undefined {
  return row?.reduce((sum, count) => sum + count, 0);
}

function groupOf({ groups }: DetectionMetrics, name: string) {
  return Object.entries(groups).find(([group]) => group === name)?.[1];
}

/** Returns the largest difference in F1 that the order of equal distances does not explain. */
function farthestF1(tree: readonly ComparedMetric[], lowestIndex: readonly ComparedMetric[]): number {
  const differences = tree.map(({ difference }, index) =>
    Math.min(Math.abs(difference ?? 0), Math.abs(lowestIndex[index]?.difference ?? 0)),
  );
  return Math.max(0, ...differences);
}

/** Returns the range of F1 between readers in each group, as context for the AI's F1. */
function readerRanges(metrics: DetectionMetrics): CellsVerdictFile['readers'] {
  return Object.keys(metrics.groups).flatMap((group) => {
    const scores = pairsOf(metrics)
      .filter((pair) => pair.group === group && !pair.pair.endsWith(`|${AI}`))
      .flatMap(({ score }) => (score === null ? [] : [score]));
    return scores.length === 0 ? [] : [{ group, lowest: Math.min(...scores), highest: Math.max(...scores) }];
  });
}
