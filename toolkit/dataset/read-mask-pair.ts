import { ReigniteError } from '../errors.ts';
import { decodeLabels, type LabelImage } from '../image/decode-labels.ts';
import type { RoiMasks } from '../metrics/he-metrics.ts';

/**
 * Reads the annotation and the prediction of an ROI.
 *
 * @throws ReigniteError SIZE_MISMATCH naming both files when they differ in width or height, even if the number of
 *   pixels is equal; FILE_MISSING, IMAGE_UNREADABLE.
 */
export async function readMaskPair(roi: string, truthPath: string, predictionPath: string): Promise<RoiMasks> {
  const truth = await decodeLabels(truthPath);
  const prediction = await decodeLabels(predictionPath);
  return pairOf(roi, { path: truthPath, mask: truth }, { path: predictionPath, mask: prediction });
}

interface ReadMask {
  /** How errors name the mask. */
  readonly path: string;
  readonly mask: LabelImage;
}

/**
 * Pairs the annotation and the prediction of an ROI.
 *
 * @throws ReigniteError SIZE_MISMATCH as {@link readMaskPair}.
 */
export function pairOf(roi: string, truth: ReadMask, prediction: ReadMask): RoiMasks {
  const { width, height } = truth.mask;
  if (prediction.mask.width !== width || prediction.mask.height !== height) {
    throw new ReigniteError(
      'SIZE_MISMATCH',
      `ROI ${roi}: the annotation ${truth.path} has ${width} x ${height} px, ` +
        `the prediction ${prediction.path} ${prediction.mask.width} x ${prediction.mask.height} px.`,
    );
  }
  return { roi, width, height, truth: truth.mask.data, prediction: prediction.mask.data };
}
