import { ReigniteError } from '../errors.ts';
import { decodeLabels } from '../image/decode-labels.ts';
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
  const { width, height } = truth;
  if (prediction.width !== width || prediction.height !== height) {
    throw new ReigniteError(
      'SIZE_MISMATCH',
      `ROI ${roi}: the annotation ${truthPath} has ${width} x ${height} px, ` +
        `the prediction ${predictionPath} ${prediction.width} x ${prediction.height} px.`,
    );
  }
  return { roi, width, height, truth: truth.data, prediction: prediction.data };
}
