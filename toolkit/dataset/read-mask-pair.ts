import { ReigniteError } from '../errors.ts';
import { decodeLabels, type LabelImage } from '../image/decode-labels.ts';
import type { RoiMasks } from '../metrics/evaluate-he.ts';

/**
 * Reads an ROI's annotation and a prediction of it.
 *
 * @throws ReigniteError SIZE_MISMATCH naming both files when they differ in width or height, also where they have
 *   equally many pixels; FILE_MISSING, IMAGE_UNREADABLE.
 */
export async function readMaskPair(roi: string, truthPath: string, predictionPath: string): Promise<RoiMasks> {
  const truth = await decodeLabels(truthPath);
  const prediction = await decodeLabels(predictionPath);
  return pairOf(roi, { path: truthPath, mask: truth }, { path: predictionPath, mask: prediction });
}

interface ReadMask {
  /** Names the mask in errors. */
  readonly path: string;
  readonly mask: LabelImage;
}

/**
 * Puts an ROI's annotation and a prediction of it together.
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
