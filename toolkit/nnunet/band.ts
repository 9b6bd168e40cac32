import type { TileGrid } from './tile-grid.ts';

/**
 * Adds one tile's weighted output to the band of one fold: `band += float32(output * weight)`.
 *
 * A hot loop: plain indices, no calls. The product is rounded to float32 before it is added, as NumPy does; the
 * store into the Float32Array rounds the sum.
 *
 * @param band - patch.height x padded.width x classes float32: the rows of the current tile row.
 * @param left - First column of the tile in the padded image, px.
 * @param output - patch.height x patch.width x classes float32 (NHWC without N).
 */
export function addTileToBand(
  band: Float32Array,
  grid: TileGrid,
  classes: number,
  left: number,
  output: Float32Array,
): void {
  const { height, width } = grid.patch;
  const weights = grid.weights;
  const stride = grid.padded.width * classes;
  let from = 0;
  for (let i = 0; i < height; i++) {
    let to = i * stride + left * classes;
    for (let j = 0; j < width; j++) {
      const weight = weights[i * width + j] ?? 0;
      for (let c = 0; c < classes; c++) {
        band[to] = (band[to] ?? 0) + Math.fround((output[from] ?? 0) * weight);
        to++;
        from++;
      }
    }
  }
}

/**
 * Turns one row of a fold's band into the sum of outputs over the folds so far, all in float32: divides by the summed
 * weights and adds what the folds before gave. Two terms add to the same bits in either order.
 *
 * @param row - width x classes float32, overwritten.
 * @param sums - width float32, above 0.
 * @param before - width x classes float32; zeros for the first fold.
 */
export function addNormalisedRow(row: Float32Array, sums: Float32Array, classes: number, before: Float32Array): void {
  let at = 0;
  for (let x = 0; x < sums.length; x++) {
    const sum = sums[x] ?? 1;
    for (let c = 0; c < classes; c++) {
      row[at] = Math.fround((row[at] ?? 0) / sum) + (before[at] ?? 0);
      at++;
    }
  }
}
