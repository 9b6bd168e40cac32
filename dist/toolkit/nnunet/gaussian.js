/**
 * How much each pixel of a tile counts where tiles overlap: a Gaussian around the tile's centre.
 *
 * The reference smooths a single 1 at `(height // 2, width // 2)` with sigma = length / 8 an axis, scales the
 * maximum to 1 and narrows to float32. The filter ends at 4 sigma = length / 2, so it reaches every pixel, and the
 * smallest weight is about exp(-16): the reference's replacement of zeros never fires and is left out.
 *
 * @param height - Tile height in px.
 * @param width - Tile width in px.
 * @returns height x width float32 weights, row by row, in (0, 1]; for 512 x 512 the bytes are scipy's.
 * @see `_get_gaussian`, nnU-Net v1
 */
export function gaussianWeights(height, width) {
    const rows = bell(height);
    const columns = bell(width);
    const peak = Math.max(...rows) * Math.max(...columns);
    const weights = new Float32Array(height * width);
    rows.forEach((row, i) => {
        columns.forEach((column, j) => {
            weights[i * width + j] = (row * column) / peak;
        });
    });
    return weights;
}
/** One axis of the filter's kernel in float64, summing to 1. */
function bell(length) {
    const centre = Math.floor(length / 2);
    const sigma = length / 8;
    const radius = Math.floor(4 * sigma + 0.5);
    const density = (x) => Math.exp((-0.5 / (sigma * sigma)) * x * x);
    let total = 0;
    for (let x = -radius; x <= radius; x++)
        total += density(x);
    return Array.from({ length }, (_, i) => density(i - centre) / total);
}
