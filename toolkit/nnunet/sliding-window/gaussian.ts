import { nearestHalf } from '../../pytorch/tensors/half-float.ts';

const V2_PEAK = 10;

/**
 * Returns the importance map of a tile: a Gaussian around its centre.
 *
 * The reference smooths a single 1 at `(height // 2, width // 2)` with sigma = length / 8 per axis, scales the maximum
 * to 1 and narrows to float32. The filter ends at 4 sigma = length / 2, so it reaches every pixel, and the smallest
 * weight is about exp(-16). The reference's replacement of zeros is therefore never needed and is left out.
 *
 * @param height - Tile height in px.
 * @param width - Tile width in px.
 * @returns height x width float32 weights, row by row, in (0, 1]; for 512 x 512 bit-identical to SciPy's.
 * @see `_get_gaussian`, nnU-Net v1
 */
export function gaussianWeights(height: number, width: number): Float32Array {
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

/**
 * Returns the importance map of nnU-Net v2: maximum 10, in half precision on any device. Like PyTorch, rounds float64
 * to float32 first, so that one weight in some thousands differs from direct rounding.
 *
 * @returns height x width float32 weights, row by row, in (0, 10].
 * @see `compute_gaussian`, nnU-Net v2
 */
export function halfGaussianWeights(height: number, width: number): Float32Array {
  const rows = bell(height);
  const columns = bell(width);
  const peak = (Math.max(...rows) * Math.max(...columns)) / V2_PEAK;
  const weights = new Float32Array(height * width);
  rows.forEach((row, i) => {
    columns.forEach((column, j) => {
      weights[i * width + j] = nearestHalf(Math.fround((row * column) / peak));
    });
  });
  return weights;
}

/** Returns the kernel of the filter along one axis in float64, with sum 1. */
function bell(length: number): readonly number[] {
  const centre = Math.floor(length / 2);
  const sigma = length / 8;
  const radius = Math.floor(4 * sigma + 0.5);
  const density = (x: number) => Math.exp((-0.5 / (sigma * sigma)) * x * x);
  let total = 0;
  for (let x = -radius; x <= radius; x++) total += density(x);
  return Array.from({ length }, (_, i) => density(i - centre) / total);
}
