import { z } from 'zod';
import { CELL_TASKS, type CellTask } from '../../config/tasks.ts';
import { type CategoryDoubt, describeDoubt } from '../dataset/category-classes.ts';
import type { ReaderAnnotations } from '../dataset/readers-annotations.ts';
import { counted } from '../format.ts';
import { cellDefinition } from '../tasks/registry.ts';
import { ConfusionMatrix } from './confusion-matrix.ts';
import { type MatchOptions, PredictedPoints, type TieOrder } from './match-points.ts';
import { type CellPoint, expectClasses } from './points-file.ts';

const Share = z.number().min(0).max(1);
const Scores = z.array(z.array(Share.nullable()));
const Counts = z.array(z.array(z.int().min(0)));

/** Agreement between the readers of a group and the AI, together `n`, on cells of several classes. */
const GroupAgreement = z
  .strictObject({
    /** Names as in the annotations, "AI" last. */
    readers: z.array(z.string().min(1)).min(2),
    /** By "macro" or class index: n × n. [i][j] is the F1 of j with i as ground truth if i < j, else null. */
    f1: z.record(z.string().regex(/^(macro|\d+)$/), Scores),
    /**
     * By "i|j": rows ground truth, columns prediction; the last row has the false positives, the last column the
     * misses.
     */
    confusion: z.record(z.string(), Counts.nullable()),
  })
  .superRefine(({ readers, f1, confusion }, context) => {
    const fail = (path: string[], message: string) => context.addIssue({ code: 'custom', path, message });
    const side = Object.keys(f1).length;
    if (f1['macro'] === undefined) fail(['f1'], 'Expected the mean over the classes');
    for (const [name, rows] of Object.entries(f1)) {
      if (!isSquare(rows, readers.length)) fail(['f1', name], `Expected ${readers.length} x ${readers.length} values`);
    }
    const pairs = new Set(readers.flatMap((one, i) => readers.slice(i + 1).map((other) => pairName(one, other))));
    for (const [pair, rows] of Object.entries(confusion)) {
      if (!pairs.delete(pair)) fail(['confusion', pair], 'Expected a pair of readers');
      if (rows !== null && !isSquare(rows, side)) fail(['confusion', pair], `Expected ${side} x ${side} counts`);
    }
    for (const pair of pairs) fail(['confusion'], `Expected the pair ${pair}`);
  });
export type GroupAgreement = z.infer<typeof GroupAgreement>;

/** Groups of all tasks; several tasks may share a group. */
const GROUP_NAMES = new Set<string>(CELL_TASKS.flatMap((task) => cellDefinition(task).groups.map(({ name }) => name)));
const GroupName = z.string().refine((name) => GROUP_NAMES.has(name), 'Expected a group of readers');
const Groups = z.record(GroupName, GroupAgreement);

/**
 * `metrics/nuclei.json` and `metrics/pdl1.json`: counts and F1 of every pair, unrounded. A pair that has no image in
 * common is null.
 */
export const DetectionMetrics = z.strictObject({
  groups: Groups,
  /** Without the paper's quirk: the cell is at the centre of its own box. */
  corrected: z.strictObject({ groups: Groups }).optional(),
});
export type DetectionMetrics = z.infer<typeof DetectionMetrics>;

/** Returns the name of a pair in results; the first side is the ground truth. */
export function pairName(truth: string, prediction: string): string {
  return `${truth}|${prediction}`;
}

function isSquare(rows: readonly (readonly unknown[])[], side: number): boolean {
  return rows.length === side && rows.every((row) => row.length === side);
}

/** Added to the authors' denominators to avoid division by 0; it lowers each quotient by about a billionth. */
const EPSILON = 1e-9;

/** Precision, recall and F1 of predicted points, per class, from 0 to 1. */
export interface AgreementScores {
  readonly precision: readonly number[];
  readonly recall: readonly number[];
  readonly f1: readonly number[];
  /** Means over the classes. */
  readonly macro: { readonly precision: number; readonly recall: number; readonly f1: number };
}

/**
 * Computes precision, recall and F1 per class as the authors' eval_utils.py does, unrounded. A class without any point
 * scores 0 and counts in the means.
 *
 * @param confusion - Counts of points; the last row has the false positives, the last column the false negatives.
 * @example
 * const { f1, macro } = agreementScores(ConfusionMatrix.fromRows([[8, 2], [1, 0]]));
 */
export function agreementScores(confusion: ConfusionMatrix): AgreementScores {
  const classes = Array.from({ length: confusion.size - 1 }, (_, k) => k);
  const precision = classes.map((k) => confusion.at(k, k) / (confusion.columnSum(k) + EPSILON));
  const recall = classes.map((k) => confusion.at(k, k) / (confusion.rowSum(k) + EPSILON));
  const f1 = classes.map((k) => {
    const [p, r] = [precision[k] ?? 0, recall[k] ?? 0];
    return (2 * p * r) / (p + r + EPSILON);
  });
  return { precision, recall, f1, macro: { precision: mean(precision), recall: mean(recall), f1: mean(f1) } };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The points of both readers in one image, in px. */
export interface PairImage {
  readonly roi: string;
  readonly truth: readonly CellPoint[];
  /** Undefined if the second reader did not annotate the image. */
  readonly prediction: PredictedPoints | undefined;
}

/** Counts of a pair of readers. */
export interface PairAgreement {
  /** Stems of the images that count, with their confusion matrices. */
  readonly images: readonly { readonly roi: string; readonly confusion: ConfusionMatrix }[];
  /** Their sum; undefined without images. */
  readonly total: ConfusionMatrix | undefined;
  /** Stems of images that only the first reader annotated. */
  readonly leftOut: readonly string[];
}

/**
 * Counts the matched points of two readers over the images that both annotated.
 *
 * @param images - Images that the first reader annotated.
 * @param classes - Number of classes; classes are numbered from 0.
 * @example
 * const { total } = agreementOfPair(images, 3, options);
 * if (total !== undefined) console.log(agreementScores(total).macro.f1);
 */
export function agreementOfPair(images: readonly PairImage[], classes: number, options: MatchOptions): PairAgreement {
  const counted: { roi: string; confusion: ConfusionMatrix }[] = [];
  const leftOut: string[] = [];
  for (const { roi, truth, prediction } of images) {
    if (prediction === undefined) leftOut.push(roi);
    else counted.push({ roi, confusion: prediction.confusion(truth, classes, options) });
  }
  const sum = counted.reduce((total, { confusion }) => total.plus(confusion), ConfusionMatrix.zeros(classes + 1));
  return { images: counted, total: counted.length === 0 ? undefined : sum, leftOut };
}

/** Name of the model's side in results. */
export const AI = 'AI';

const LARGEST_UINT16 = 65_535;

export interface DetectionEvaluation {
  /** `metrics/<task>.json`. */
  readonly metrics: DetectionMetrics;
  /** Confusion matrices of every image that counts, by {@link pairName}. */
  readonly pairs: ReadonlyMap<string, PairAgreement>;
  readonly remarks: readonly AgreementRemark[];
}

/**
 * Compares every pair of readers, and every reader with the AI, as the authors' inference.py does: the earlier one is
 * the ground truth, over the images that it annotated.
 *
 * Where that code fails, this one continues and adds a remark: an image that the later reader did not annotate is left
 * out of the pair, and an image without a file counts as one in which the AI found nothing.
 *
 * @param input.points - What the AI found in an image, given its stem; undefined or empty for nothing. Points are not
 *   cropped to the annotated box: the published ones already are.
 * @throws ReigniteError NPY_INVALID when a point of the AI has no finite position or no class of the task.
 */
export function evaluateDetection(input: {
  readonly task: CellTask;
  readonly annotations: ReaderAnnotations;
  readonly points: (stem: string) => readonly CellPoint[] | undefined;
  readonly tieOrder?: TieOrder;
}): DetectionEvaluation {
  const { task, annotations, points, tieOrder = 'tree' } = input;
  const classes = cellDefinition(task).classes.length;
  const found = new Map(
    annotations.images.map(({ id, stem }) => [id, expectClasses(points(stem) ?? [], classes, stem)]),
  );
  const predicted = predictionsOf(annotations, found);
  const pairs = new Map<string, PairAgreement>();
  const remarks: AgreementRemark[] = [...remarksOnInput(annotations, found)];
  const groups: Record<string, GroupAgreement> = {};
  for (const group of annotations.groups) {
    const sides = [...group.readers, AI];
    const ofGroup = pairsOf(sides).map(([truth, prediction]) => {
      const images = annotations.images.flatMap(({ id, stem }) => {
        const points = annotations.points.get(truth)?.get(id);
        return points === undefined ? [] : [{ roi: stem, truth: points, prediction: predicted(prediction, id) }];
      });
      const agreement = agreementOfPair(images, classes, { radius: cellDefinition(task).hitRadius, tieOrder });
      return [pairName(truth, prediction), agreement] as const;
    });
    for (const [pair, agreement] of ofGroup) {
      pairs.set(pair, agreement);
      remarks.push(...remarksOnPair(group.name, pair, agreement));
    }
    groups[group.name] = groupAgreement(sides, new Map(ofGroup), classes);
  }
  return { metrics: { groups }, pairs, remarks };
}

function pairsOf(sides: readonly string[]): [truth: string, prediction: string][] {
  return sides.flatMap((truth, i) => sides.slice(i + 1).map((prediction): [string, string] => [truth, prediction]));
}

/** Returns a lookup of the points of a side in an image, built on first use and cached. */
function predictionsOf(
  annotations: ReaderAnnotations,
  found: ReadonlyMap<number, readonly CellPoint[]>,
): (side: string, image: number) => PredictedPoints | undefined {
  const made = new Map<string, PredictedPoints>();
  return (side, image) => {
    const points = side === AI ? found.get(image) : annotations.points.get(side)?.get(image);
    if (points === undefined) return undefined;
    const key = `${image} ${side}`;
    const predictions = made.get(key) ?? new PredictedPoints(points);
    made.set(key, predictions);
    return predictions;
  };
}

function groupAgreement(
  sides: readonly string[],
  pairs: ReadonlyMap<string, PairAgreement>,
  classes: number,
): GroupAgreement {
  const scores = new Map(
    [...pairs].map(([pair, { total }]) => [pair, total === undefined ? undefined : agreementScores(total)]),
  );
  const matrixOf = (scoreOf: (pair: string) => number | undefined) =>
    sides.map((truth, i) =>
      sides.map((prediction, j) => (i < j ? (scoreOf(pairName(truth, prediction)) ?? null) : null)),
    );
  const perClass = Array.from({ length: classes }, (_, k) => [String(k), matrixOf((pair) => scores.get(pair)?.f1[k])]);
  return {
    readers: [...sides],
    f1: { macro: matrixOf((pair) => scores.get(pair)?.macro.f1), ...Object.fromEntries(perClass) },
    confusion: Object.fromEntries([...pairs].map(([pair, { total }]) => [pair, total?.toRows() ?? null])),
  };
}

function remarksOnInput(
  { images, unused, doubt }: ReaderAnnotations,
  found: ReadonlyMap<number, readonly CellPoint[]>,
): AgreementRemark[] {
  const rois = images.filter(({ id }) => found.get(id)?.length === 0).map(({ stem }) => stem);
  return [
    ...(doubt === undefined ? [] : [{ kind: 'categories-doubtful' as const, ...copyOf(doubt) }]),
    ...unused.map(({ reason, ids, annotations }) => ({
      kind: 'annotations-unused' as const,
      reason,
      ids: [...ids],
      annotations,
    })),
    ...(rois.length === 0 ? [] : [{ kind: 'ai-without-points' as const, rois }]),
  ];
}

function copyOf({ categories, annotations }: CategoryDoubt) {
  return { categories: categories.map((category) => ({ ...category })), annotations };
}

function remarksOnPair(group: string, pair: string, { total, leftOut }: PairAgreement): AgreementRemark[] {
  const remarks: AgreementRemark[] = [];
  if (leftOut.length > 0) remarks.push({ kind: 'image-left-out-of-pair', group, pair, rois: [...leftOut] });
  if (total === undefined) remarks.push({ kind: 'pair-without-images', group, pair });
  const largest = Math.max(0, ...(total?.counts() ?? []));
  if (largest > LARGEST_UINT16) remarks.push({ kind: 'beyond-16-bit', group, pair, largest });
  return remarks;
}

const Group = z.string();
const Pair = z.string().describe('"reader P1|AI": the first is truth');
const Rois = z.array(z.string()).describe('Stems of images');

/** A note on what an agreement score leaves out or counts in an unexpected way. */
export const AgreementRemark = z.discriminatedUnion('kind', [
  /** The authors' code fails if the second reader of a pair lacks an image; here the pair leaves that image out. */
  z.strictObject({ kind: z.literal('image-left-out-of-pair'), group: Group, pair: Pair, rois: Rois }),
  z.strictObject({ kind: z.literal('pair-without-images'), group: Group, pair: Pair }),
  /** The authors' code fails if the AI has no point in an image; here all its cells count as missed. */
  z.strictObject({ kind: z.literal('ai-without-points'), rois: Rois }),
  /** The authors' 16-bit sums would have wrapped here; ours do not, so that the scores differ. */
  z.strictObject({ kind: z.literal('beyond-16-bit'), group: Group, pair: Pair, largest: z.int() }),
  z.strictObject({
    kind: z.literal('annotations-unused'),
    reason: z.enum(['category of no reader', 'image not listed']),
    ids: z.array(z.int()),
    annotations: z.int(),
  }),
  /** The authors' rule gives categories classes that disagree with their names or their order. */
  z.strictObject({
    kind: z.literal('categories-doubtful'),
    categories: z.array(
      z.strictObject({ id: z.int(), name: z.string(), taken: z.string(), meant: z.string().nullable() }),
    ),
    annotations: z.int(),
  }),
]);
export type AgreementRemark = z.infer<typeof AgreementRemark>;

/** Formats the remark as a sentence. */
export function describeRemark(remark: AgreementRemark): string {
  switch (remark.kind) {
    case 'image-left-out-of-pair':
      return `${remark.pair}: left out, since the second did not annotate them: ${remark.rois.join(', ')}.`;
    case 'pair-without-images':
      return `${remark.pair}: no image annotated by both.`;
    case 'ai-without-points':
      return `The AI found nothing on ${remark.rois.join(', ')}; all cells there count as missed.`;
    case 'beyond-16-bit':
      return `${remark.pair}: a count of ${remark.largest}, which the authors' 16-bit sums would store modulo 65,536.`;
    case 'annotations-unused':
      return `${counted(remark.annotations, 'annotation')} unused (${remark.reason}: ${remark.ids.join(', ')}).`;
    case 'categories-doubtful':
      // Only PD-L1 has several classes.
      return describeDoubt(remark, 'pdl1');
  }
}
