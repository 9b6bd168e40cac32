import { z } from 'zod';
import { HE_LABELS, TIL_LABELS, type TissueLabel } from '../dataset/tissue-labels.ts';
import { ReigniteError } from '../errors.ts';
import { ConfusionMatrix, withoutFirstLabel, withoutTruth } from './confusion-matrix.ts';
import { correctedDice, type DiceScores, dicePerLabel, expectHeLabels, microDice, tilConfusion } from './dice.ts';

/** `full`: every pixel was predicted. `annotated`: only the annotated pixels, so that true Unannotated has no counts. */
export type EvaluationScope = 'full' | 'annotated';

const HE_NAMES = HE_LABELS.map((label) => label.name);
/** Index of Background after Unannotated, the label before it, was removed. */
const BACKGROUND = 0;

const Row = z.array(z.int().min(0)).length(HE_LABELS.length);

function scoresOf(labels: readonly TissueLabel[]) {
  const dice = z.number().min(0).max(1);
  const classes = z.strictObject(Object.fromEntries(labels.slice(1).map((label) => [label.name, dice])));
  return z.strictObject({ overall: dice, perClass: classes });
}

/**
 * `metrics/he.json`: pixel counts and Dice of the H&E test set, unrounded.
 *
 * The rows of `confusion` are ground truth; the first, Unannotated, is null in the scope `annotated`.
 */
export const HeMetrics = z.strictObject({
  labels: z.array(z.string()).refine((names) => names.join() === HE_NAMES.join(), 'Expected the 17 labels in order'),
  confusion: z
    .array(Row.nullable())
    .length(HE_LABELS.length)
    .refine((rows) => !rows.slice(1).includes(null), 'Expected counts in every row but the first'),
  all: scoresOf(HE_LABELS),
  til: scoresOf(TIL_LABELS),
  /** Without the paper's quirks: true Background counts, and tissue predicted as Unannotated is a miss. */
  corrected: z.strictObject({ all: scoresOf(HE_LABELS), til: scoresOf(TIL_LABELS) }).optional(),
});
export type HeMetrics = z.infer<typeof HeMetrics>;

/**
 * Computes the content of `metrics/he.json` from a confusion matrix.
 *
 * @param confusion - 17×17, summed over ROIs.
 * @throws RangeError when the matrix has another size.
 * @example
 * const { all } = heMetrics(countConfusion(truth.data, prediction.data));
 * console.log(all.overall);
 */
export function heMetrics(confusion: ConfusionMatrix, scope: EvaluationScope = 'full'): HeMetrics {
  expectHeLabels(confusion);
  return {
    labels: [...HE_NAMES],
    confusion: confusion.toRows().map((row, truth) => (truth === 0 && scope === 'annotated' ? null : row)),
    all: diceScores(confusion, HE_LABELS),
    til: diceScores(tilConfusion(confusion), TIL_LABELS),
    corrected: correctedDice(confusion),
  };
}

/** Returns the matrix of a `metrics/he.json`; a null row becomes zeros, as in `figures/he/cm.npy`. */
export function confusionOf(metrics: HeMetrics): ConfusionMatrix {
  return ConfusionMatrix.fromRows(metrics.confusion.map((row) => row ?? HE_NAMES.map(() => 0)));
}

/**
 * Computes Dice like evaluation.py, with two quirks of the paper. Unannotated is dropped from rows *and* columns, so
 * that a tissue pixel predicted as Unannotated does not count. The row of true Background is cleared but its column is
 * kept, so that a tissue pixel predicted as Background is a miss, and the Dice of Background is always 0.
 *
 * @param confusion - Counts of `labels`, of which the first two are Unannotated and Background.
 */
export function diceScores(confusion: ConfusionMatrix, labels: readonly TissueLabel[]): DiceScores {
  const scored = scoredPart(confusion);
  const dice = dicePerLabel(scored);
  return {
    overall: microDice(scored),
    perClass: Object.fromEntries(labels.slice(1).map((label, index) => [label.name, dice[index] ?? 0])),
  };
}

/** Computes only `overall` of `diceScores`. */
export function overallDice(confusion: ConfusionMatrix): number {
  return microDice(scoredPart(confusion));
}

function scoredPart(confusion: ConfusionMatrix): ConfusionMatrix {
  return withoutTruth(withoutFirstLabel(confusion), BACKGROUND);
}

/** Dice for display: null for a class without ground truth, for which `metrics/he.json` has 0. */
export interface PresentDice {
  readonly overall: number | null;
  readonly perClass: Readonly<Record<string, number | null>>;
}

/** The first two labels, Unannotated and Background, have no Dice. */
const FIRST_TISSUE = 2;

/** Returns the Dice of `metrics/he.json` for all classes and for the TIL use case, without Background. */
export function presentDice(metrics: HeMetrics): { readonly all: PresentDice; readonly til: PresentDice } {
  const confusion = confusionOf(metrics);
  return {
    all: presentOf(metrics.all, confusion, HE_LABELS),
    til: presentOf(metrics.til, tilConfusion(confusion), TIL_LABELS),
  };
}

function presentOf(
  { overall, perClass }: DiceScores,
  confusion: ConfusionMatrix,
  labels: readonly TissueLabel[],
): PresentDice {
  const tissue = labels.slice(FIRST_TISSUE);
  const isPresent = ({ value }: TissueLabel) => confusion.rowSum(value) > 0;
  return {
    overall: tissue.some(isPresent) ? overall : null,
    perClass: Object.fromEntries(
      tissue.map((label) => [label.name, isPresent(label) ? (perClass[label.name] ?? null) : null]),
    ),
  };
}

/**
 * Counts how often each true label was predicted as each label.
 *
 * A pixel whose ground truth or prediction is not a label (the stray 255 of patient69_he_roi3; a prediction of 255
 * where nothing was predicted) is ignored, as in scikit-learn's `confusion_matrix(labels=...)`.
 *
 * @param truth - Mask, one byte per pixel.
 * @param prediction - Mask of the same length.
 * @param size - Number of labels: values from 0 to `size` - 1 are labels. Default: 17.
 * @throws RangeError when the lengths differ.
 * @example
 * const confusion = countConfusion(truth.data, prediction.data);
 */
export function countConfusion(
  truth: Uint8Array,
  prediction: Uint8Array,
  size: number = HE_LABELS.length,
): ConfusionMatrix {
  if (truth.length !== prediction.length) {
    throw new RangeError(`Expected masks of one length, got ${truth.length} and ${prediction.length} px`);
  }
  const pairs = countPairs(truth, prediction);
  const counts = Float64Array.from({ length: size * size }, (_, entry) => {
    const row = Math.floor(entry / size);
    return pairs[(row << 8) | (entry % size)] ?? 0;
  });
  return new ConfusionMatrix(size, counts);
}

/**
 * Counts how often each pair of bytes (t, p) occurs at the same pixel of both masks. Its count is at index t·256 + p.
 *
 * Masks consist of regions, so that four neighbouring pixels, read as one 32-bit word, mostly equal the four before
 * them. A run of equal words costs one comparison per word, and the counters change only at its end. With a counter for
 * every pair of bytes, values need no range check; only counters in use occupy the processor's cache.
 */
function countPairs(truth: Uint8Array, prediction: Uint8Array): Uint32Array {
  const pairs = new Uint32Array(256 * 256);
  const add = (t: number, p: number, count: number) => {
    const pair = ((t & 0xff) << 8) | (p & 0xff);
    pairs[pair] = (pairs[pair] ?? 0) + count;
  };
  const truthWords = asWords(truth);
  const predictionWords = asWords(prediction);
  const words = truthWords.length;
  for (let next = 0; next < words; ) {
    const first = next;
    const t = truthWords[first] ?? 0;
    const p = predictionWords[first] ?? 0;
    do next++;
    while (next < words && truthWords[next] === t && predictionWords[next] === p);
    for (let shift = 0; shift < 32; shift += 8) add(t >>> shift, p >>> shift, next - first);
  }
  for (let k = words * 4; k < truth.length; k++) add(truth[k] ?? 0, prediction[k] ?? 0, 1);
  return pairs;
}

/** Views the bytes of a mask as 32-bit words; a mask that is not aligned to 4 bytes is copied first. */
function asWords(mask: Uint8Array): Uint32Array {
  const aligned = mask.byteOffset % 4 === 0 ? mask : mask.slice();
  return new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.length >>> 2);
}

/** The annotation and the prediction of one ROI, both for the whole image with context, row by row. */
export interface RoiMasks {
  readonly roi: string;
  /** Size of the annotation in px. */
  readonly width: number;
  readonly height: number;
  /** One label per pixel. */
  readonly truth: Uint8Array;
  readonly prediction: Uint8Array;
}

interface RoiConfusion {
  readonly roi: string;
  readonly confusion: ConfusionMatrix;
}

export interface HeEvaluation {
  /** 17×17 counts of every ROI, in input order. */
  readonly rois: readonly RoiConfusion[];
  /** Their sum. */
  readonly total: ConfusionMatrix;
}

/**
 * Counts the 17×17 confusion matrix of one ROI.
 *
 * @throws ReigniteError SIZE_MISMATCH, naming the ROI, when the masks do not have its size.
 */
export function roiConfusion({ roi, width, height, truth, prediction }: RoiMasks): ConfusionMatrix {
  for (const [kind, mask] of Object.entries({ annotation: truth, prediction })) {
    if (mask.length !== width * height) {
      const cause = `The ${kind} of ${roi} has ${mask.length} px, its annotation is ${width} x ${height} px.`;
      throw new ReigniteError('SIZE_MISMATCH', cause);
    }
  }
  return countConfusion(truth, prediction);
}

/**
 * Counts the confusion matrices of ROIs one after the other, so that only one ROI is in memory.
 *
 * @param options.onProgress - Called after every ROI with the number of finished ROIs.
 * @throws ReigniteError SIZE_MISMATCH, or the abort reason of `signal`.
 */
export async function evaluateHe(
  rois: Iterable<RoiMasks> | AsyncIterable<RoiMasks>,
  options: { readonly signal?: AbortSignal; readonly onProgress?: (done: number) => void } = {},
): Promise<HeEvaluation> {
  const counted: RoiConfusion[] = [];
  for await (const masks of rois) {
    options.signal?.throwIfAborted();
    counted.push({ roi: masks.roi, confusion: roiConfusion(masks) });
    options.onProgress?.(counted.length);
  }
  return { rois: counted, total: sumOfConfusions(counted.map(({ confusion }) => confusion)) };
}

/** Sums 17×17 matrices; all zeros if there are none. */
export function sumOfConfusions(confusions: Iterable<ConfusionMatrix>): ConfusionMatrix {
  return ConfusionMatrix.sumOf(HE_LABELS.length, confusions);
}
