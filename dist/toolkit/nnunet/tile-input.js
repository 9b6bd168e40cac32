/** value / 255 for the 256 values of a byte: the division in float32 has the bits of NumPy's float64 one narrowed. */
const SCALED = Float32Array.from({ length: 256 }, (_, value) => value / 255);
/**
 * Fills the network's input with one tile: RGB scaled to [0, 1], black outside the image.
 *
 * @param rgb - image.height x image.width x 3 uint8.
 * @param top - First row of the tile in the padded image, px.
 * @param left - First column of the tile in the padded image, px.
 * @param input - Receives 3 x patch.height x patch.width float32 (CHW).
 */
export function fillTileInput(rgb, grid, top, left, input) {
    const { patch, image, offset } = grid;
    const plane = patch.height * patch.width;
    const isInside = image.height >= patch.height && image.width >= patch.width;
    if (!isInside)
        input.fill(0);
    const fromColumn = Math.max(0, offset.x - left);
    const toColumn = Math.min(patch.width, offset.x - left + image.width);
    for (let i = 0; i < patch.height; i++) {
        const y = top + i - offset.y;
        if (y < 0 || y >= image.height)
            continue;
        let from = (y * image.width + left + fromColumn - offset.x) * 3;
        for (let j = fromColumn; j < toColumn; j++, from += 3) {
            const to = i * patch.width + j;
            input[to] = SCALED[rgb[from] ?? 0] ?? 0;
            input[to + plane] = SCALED[rgb[from + 1] ?? 0] ?? 0;
            input[to + 2 * plane] = SCALED[rgb[from + 2] ?? 0] ?? 0;
        }
    }
}
