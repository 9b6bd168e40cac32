import { ReigniteError } from '../errors.js';
import { decodeLabels } from '../image/decode-labels.js';
/**
 * Reads an ROI's annotation and a prediction of it.
 *
 * @throws ReigniteError SIZE_MISMATCH naming both files when they differ in width or height, also where they have
 *   equally many pixels; FILE_MISSING, IMAGE_UNREADABLE.
 */
export async function readMaskPair(roi, truthPath, predictionPath) {
    const truth = await decodeLabels(truthPath);
    const prediction = await decodeLabels(predictionPath);
    return pairOf(roi, { path: truthPath, mask: truth }, { path: predictionPath, mask: prediction });
}
/**
 * Puts an ROI's annotation and a prediction of it together.
 *
 * @throws ReigniteError SIZE_MISMATCH as {@link readMaskPair}.
 */
export function pairOf(roi, truth, prediction) {
    const { width, height } = truth.mask;
    if (prediction.mask.width !== width || prediction.mask.height !== height) {
        throw new ReigniteError('SIZE_MISMATCH', `ROI ${roi}: the annotation ${truth.path} has ${width} x ${height} px, ` +
            `the prediction ${prediction.path} ${prediction.mask.width} x ${prediction.mask.height} px.`);
    }
    return { roi, width, height, truth: truth.mask.data, prediction: prediction.mask.data };
}
