import { ROWS_A_FOLD } from './step-order.js';
import { finishedRows, tileGrid } from './tile-grid.js';
/**
 * Most disk that the partial result of one ROI takes while it is computed: every fold's unfinished rows and the
 * ensemble's sums of a group of tile rows as float32, each for a moment beside its successor, and three bytes a pixel of labels and margins.
 *
 * @param image - px
 * @param model - Tile size in px, classes and folds.
 * @returns Bytes.
 */
export function partialRoiBytes(image, model) {
    const grid = tileGrid(image, model.patch);
    const rowBytes = grid.padded.width * model.classes * Float32Array.BYTES_PER_ELEMENT;
    const finished = grid.rows.map((_, row) => {
        const { from, to } = finishedRows(grid, row);
        return to - from;
    });
    const mostCarried = model.patch.height - Math.min(...finished);
    const carries = (model.folds + 1) * mostCarried * rowBytes;
    const ensembles = (Math.min(ROWS_A_FOLD, grid.rows.length) + 1) * Math.max(...finished) * rowBytes;
    return carries + ensembles + 3 * image.height * image.width;
}
