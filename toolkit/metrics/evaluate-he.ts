import { HE_LABELS } from '../dataset/he-labels.ts';
import { ReigniteError } from '../errors.ts';
import { ConfusionMatrix } from './confusion-matrix.ts';

/**
 * Counts how often each true label was predicted as each label.
 *
 * A pixel whose truth or prediction is not a label (the stray 255 of patient69_he_roi3; a prediction of 255 where
 * nothing was predicted) is left out, as scikit-learn's `confusion_matrix(labels=...)` leaves it out.
 *
 * @param truth - Mask, one byte per pixel.
 * @param prediction - Mask of the same length.
 * @param size - Number of labels: values from 0 to `size` - 1 are labels; 17 unless given.
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
  const counts = Float64Array.from({ length: size * size }, (_, cell) => {
    const row = Math.floor(cell / size);
    return pairs[(row << 8) | (cell % size)] ?? 0;
  });
  return new ConfusionMatrix(size, counts);
}

/**
 * How often each pair of bytes is at the same place of both masks: the pair (t, p) at t·256 + p.
 *
 * Masks are made of regions, so four neighbours, read as one word, mostly repeat the four before: a run of equal words
 * costs one comparison a word, and only its end touches the counters. A counter for every pair of bytes needs no test
 * of the values; only those in use reach the processor's cache.
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

/** The mask's bytes four at a time; a mask that does not begin on a word of memory is copied first. */
function asWords(mask: Uint8Array): Uint32Array {
  const aligned = mask.byteOffset % 4 === 0 ? mask : mask.slice();
  return new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.length >>> 2);
}

/** The annotation and the prediction of one ROI, both over the whole with-context image, row by row. */
export interface RoiMasks {
  readonly roi: string;
  /** Size of the annotation in px. */
  readonly width: number;
  readonly height: number;
  /** One label per pixel. */
  readonly truth: Uint8Array;
  readonly prediction: Uint8Array;
}

export interface RoiConfusion {
  readonly roi: string;
  readonly confusion: ConfusionMatrix;
}

export interface HeEvaluation {
  /** 17×17 counts of every ROI, in the order given. */
  readonly rois: readonly RoiConfusion[];
  /** Their sum. */
  readonly total: ConfusionMatrix;
}

/**
 * Counts the confusion of one ROI over the 17 labels.
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
 * Counts the confusion of ROIs one after the other, so that only one needs to be in memory.
 *
 * @param options.onProgress - Called after every ROI with the number done.
 * @throws ReigniteError SIZE_MISMATCH, or what `signal` was aborted with.
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

/** Sum of 17×17 matrices; zeros for none. */
export function sumOfConfusions(confusions: Iterable<ConfusionMatrix>): ConfusionMatrix {
  return ConfusionMatrix.sumOf(HE_LABELS.length, confusions);
}
