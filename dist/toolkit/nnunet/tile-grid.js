import { gaussianWeights } from './gaussian.js';
import { tileStarts } from './tile-starts.js';
/**
 * Lays the tiles of nnU-Net v1 over an image: steps of at most half a patch, black border only where the image is
 * smaller than the patch (the smaller half above and left of it), Gaussian weights only when there are two tiles.
 *
 * @param image - Size of the image in px, each side at least 1.
 * @param patch - Size of a tile in px.
 * @param rounding - See {@link tileStarts}.
 * @see `_internal_predict_2D_2Dconv_tiled` and `pad_nd_image`, nnU-Net v1
 */
export function tileGrid(image, patch, rounding) {
    const padded = {
        height: Math.max(image.height, patch.height),
        width: Math.max(image.width, patch.width),
    };
    const rows = tileStarts(padded.height, patch.height, rounding);
    const columns = tileStarts(padded.width, patch.width, rounding);
    const isSingle = rows.length === 1 && columns.length === 1;
    return {
        image,
        patch,
        padded,
        offset: {
            y: Math.floor((padded.height - image.height) / 2),
            x: Math.floor((padded.width - image.width) / 2),
        },
        rows,
        columns,
        weights: isSingle
            ? new Float32Array(patch.height * patch.width).fill(1)
            : gaussianWeights(patch.height, patch.width),
    };
}
/**
 * The padded rows that no tile row after `row` touches and none before it has finished, end excluded.
 *
 * @param row - Index of a tile row.
 */
export function finishedRows(grid, row) {
    const from = startOfRow(grid, row);
    const isLast = row === grid.rows.length - 1;
    return { from, to: isLast ? grid.padded.height : startOfRow(grid, row + 1) };
}
/** First padded row of a tile row, px. */
export function startOfRow(grid, row) {
    const start = grid.rows[row];
    if (start === undefined)
        throw new RangeError(`Expected a tile row below ${grid.rows.length}, got ${row}`);
    return start;
}
