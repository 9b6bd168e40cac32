/**
 * Tile rows that one fold goes through before the next fold's network is opened. Opening the paper's network costs a
 * third of a tile; the sums of so many rows wait on disk meanwhile. Sums of a pixel keep their order: tile rows within
 * a fold, and folds one after the other.
 */
export const ROWS_A_FOLD = 4;
/**
 * The step after `step`: the next tile row of its group with the same fold, else the group's first row with the next
 * fold, else the next group. `{ row: rows, fold: 0 }` when all is done.
 *
 * @param rows - Tile rows of the image.
 * @param folds - Networks of the ensemble.
 */
export function stepAfter({ row, fold }, rows, folds) {
    const first = row - (row % ROWS_A_FOLD);
    const end = Math.min(first + ROWS_A_FOLD, rows);
    if (row + 1 < end)
        return { row: row + 1, fold };
    if (fold + 1 < folds)
        return { row: first, fold: fold + 1 };
    return { row: end, fold: 0 };
}
/** The steps that come before `step`, in their order. */
export function* stepsBefore(step, rows, folds) {
    let at = { row: 0, fold: 0 };
    while (at.row !== step.row || at.fold !== step.fold) {
        yield at;
        at = stepAfter(at, rows, folds);
    }
}
