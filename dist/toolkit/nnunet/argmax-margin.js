/**
 * The class of every pixel of a row and how clear the decision was.
 *
 * @param total - width x classes float32: the folds' softmax summed; divided here by `folds`, in float32.
 * @param labels - Receives width class indices; the first of equal maxima, as `numpy.argmax`.
 * @param margins - Receives width values: the mean softmax of the best class less that of the second best, as
 *   `round(65535 * margin)`.
 * @returns Whether every pixel has a number in every class: false when the network gave NaN.
 */
export function argmaxAndMargin(total, classes, folds, labels, margins) {
    let at = 0;
    let isNumber = true;
    for (let x = 0; x < labels.length; x++) {
        let best = -1;
        let second = -1;
        let label = 0;
        for (let c = 0; c < classes; c++, at++) {
            const mean = Math.fround((total[at] ?? 0) / folds);
            if (mean > best) {
                second = best;
                best = mean;
                label = c;
            }
            else if (mean > second) {
                second = mean;
            }
            else if (Number.isNaN(mean)) {
                isNumber = false;
            }
        }
        labels[x] = label;
        margins[x] = Math.round((best - Math.max(second, 0)) * 65535);
    }
    return isNumber;
}
