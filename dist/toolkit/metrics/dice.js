/**
 * Dice coefficient of every label, 2·TP / (2·TP + FP + FN).
 *
 * @returns A value in [0, 1] for each label; 0 for a label that is neither annotated nor predicted, as
 *   `dice_per_class` of the toolkit's evaluation.py has it.
 */
export function dicePerLabel(confusion) {
    return Array.from({ length: confusion.size }, (_, k) => {
        const occurrences = confusion.rowSum(k) + confusion.columnSum(k);
        return occurrences === 0 ? 0 : (2 * confusion.at(k, k)) / occurrences;
    });
}
/**
 * Dice coefficient over all labels together, 2·ΣTP / (2·ΣTP + ΣFP + ΣFN), as `micro_dice` of evaluation.py.
 *
 * Every miss of one label is a false alarm of another in the matrix, so this is trace / total.
 *
 * @returns A value in [0, 1]; 0 for an empty matrix, where the authors' code has 0/0.
 */
export function microDice(confusion) {
    const occurrences = 2 * confusion.total();
    return occurrences === 0 ? 0 : (2 * confusion.trace()) / occurrences;
}
