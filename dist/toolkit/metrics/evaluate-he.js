import { HE_LABELS } from '../dataset/he-labels.js';
import { ReigniteError } from '../errors.js';
import { ConfusionMatrix } from './confusion-matrix.js';
import { countConfusion } from './count-confusion.js';
/**
 * Counts the confusion of one ROI over the 17 labels.
 *
 * @throws ReigniteError SIZE_MISMATCH, naming the ROI, when the masks do not have its size.
 */
export function roiConfusion({ roi, width, height, truth, prediction }) {
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
export async function evaluateHe(rois, options = {}) {
    const counted = [];
    for await (const masks of rois) {
        options.signal?.throwIfAborted();
        counted.push({ roi: masks.roi, confusion: roiConfusion(masks) });
        options.onProgress?.(counted.length);
    }
    return { rois: counted, total: sumOfConfusions(counted.map(({ confusion }) => confusion)) };
}
/** Sum of 17×17 matrices; zeros for none. */
export function sumOfConfusions(confusions) {
    return ConfusionMatrix.sumOf(HE_LABELS.length, confusions);
}
