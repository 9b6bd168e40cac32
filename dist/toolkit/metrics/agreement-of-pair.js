import { ConfusionMatrix } from './confusion-matrix.js';
/** Counts a pair over the images that its first reader annotated, without those that the second lacks. */
export function agreementOfPair(images, classes, options) {
    const counted = [];
    const leftOut = [];
    for (const { roi, truth, prediction } of images) {
        if (prediction === undefined)
            leftOut.push(roi);
        else
            counted.push({ roi, confusion: prediction.confusion(truth, classes, options) });
    }
    const sum = counted.reduce((total, { confusion }) => total.plus(confusion), ConfusionMatrix.zeros(classes + 1));
    return { images: counted, total: counted.length === 0 ? undefined : sum, leftOut };
}
