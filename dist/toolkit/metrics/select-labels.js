import { ConfusionMatrix } from './confusion-matrix.js';
/** The matrix without the first label, neither as truth nor as prediction: the others move up by one. */
export function withoutFirstLabel(confusion) {
    return ConfusionMatrix.generate(confusion.size - 1, (truth, prediction) => confusion.at(truth + 1, prediction + 1));
}
/** The matrix as if no pixel's truth were `label`. Pixels predicted as `label` stay counted. */
export function withoutTruth(confusion, label) {
    return ConfusionMatrix.generate(confusion.size, (truth, prediction) => {
        return truth === label ? 0 : confusion.at(truth, prediction);
    });
}
/**
 * The matrix of coarser labels, in which several labels count as one.
 *
 * @param groups - For every label of `confusion`, its label in the result: 0 to `size` - 1.
 * @param size - Number of labels of the result.
 * @throws RangeError when a label has no group.
 */
export function groupLabels(confusion, groups, size) {
    const groupOf = (label) => {
        const group = groups[label];
        if (group === undefined || !(group >= 0 && group < size)) {
            throw new RangeError(`Expected a group from 0 to ${size - 1} for label ${label}, got ${group}`);
        }
        return group;
    };
    const counts = new Float64Array(size * size);
    confusion.toRows().forEach((row, truth) => {
        row.forEach((count, prediction) => {
            const cell = groupOf(truth) * size + groupOf(prediction);
            counts[cell] = (counts[cell] ?? 0) + count;
        });
    });
    return new ConfusionMatrix(size, counts);
}
