import { HE_LABELS } from '../dataset/he-labels.ts';
import { ReigniteError } from '../errors.ts';
import { ConfusionMatrix } from './confusion-matrix.ts';
import { countConfusion } from './count-confusion.ts';

/** The annotation and the prediction of one ROI, both over the whole with-context image, row by row. */
export interface RoiMasks {
  readonly roi: string;
  /** Size of the annotation in px. */
  readonly width: number;
  readonly height: number;
  /** One label a pixel. */
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
