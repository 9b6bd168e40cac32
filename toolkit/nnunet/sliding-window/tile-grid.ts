import { roundHalfEven } from '../../numpy.ts';
import { nearestHalf } from '../../pytorch/tensors/tensor.ts';
import type { ModelMethod } from '../model-card.ts';

/** How a position at half a pixel is rounded: to even like NumPy, or up like most languages. */
export type TileRounding = 'half-even' | 'half-up';

/**
 * Returns where the tiles of a sliding window start along one axis.
 *
 * The last tile ends at the border; the others are spread evenly, at most `patch / 2` apart.
 * Positions are rounded half to even as NumPy does: `Math.round` would move a tile by 1 px
 * for one image size in five.
 *
 * @param length - Padded image length in px, at least `patch`.
 * @param patch - Tile length in px.
 * @param rounding - `half-up` is only for the discrepancy report. Default: half-even.
 * @returns Increasing start positions in px, the first 0.
 * @see `_compute_steps_for_sliding_window`, nnU-Net v1
 */
export function tileStarts(length: number, patch: number, rounding: TileRounding = 'half-even'): readonly number[] {
  const round = rounding === 'half-even' ? roundHalfEven : Math.round;
  if (length < patch) throw new RangeError(`Expected length >= ${patch} px, got ${length}`);
  const count = Math.ceil((length - patch) / (patch / 2)) + 1;
  if (count === 1) return [0];
  const step = (length - patch) / (count - 1);
  return Array.from({ length: count }, (_, k) => round(step * k));
}

/** Height and width in px. */
export interface Size {
  readonly height: number;
  readonly width: number;
}

/** The tiles of a sliding window on an image, with their importance map. */
export interface TileGrid {
  /** The image, px. */
  readonly image: Size;
  /** One tile, px. */
  readonly patch: Size;
  /** The image with its border, px: at least as large as a tile. */
  readonly padded: Size;
  /** First row and column of the image within the padded image, px. */
  readonly offset: { readonly y: number; readonly x: number };
  /** First rows of the tile rows, px in the padded image. */
  readonly rows: readonly number[];
  /** First columns of the tile columns, px in the padded image. */
  readonly columns: readonly number[];
  /** Importance map of all tiles: patch.height x patch.width float32. In v1, ones if the grid has a single tile. */
  readonly weights: Float32Array;
}

/**
 * Places the tiles of nnU-Net on an image, at most half a tile apart. Black padding is added only if the image is
 * smaller than a tile, with the smaller half above and to the left. In v1, the importance map is Gaussian only if there
 * are several tiles.
 *
 * @param image - Size of the image in px, each side at least 1.
 * @param patch - Size of a tile in px.
 * @param rounding - See {@link tileStarts}.
 * @param window - Version of nnU-Net whose importance map is used. Default: v1.
 * @see `_internal_predict_2D_2Dconv_tiled` and `pad_nd_image`, nnU-Net v1; `_internal_get_sliding_window_slicers`, v2
 */
export function tileGrid(
  image: Size,
  patch: Size,
  rounding?: TileRounding,
  window: ModelMethod['window'] = 'v1',
): TileGrid {
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
    weights: tileWeights(patch, isSingle, window),
  };
}

function tileWeights({ height, width }: Size, isSingle: boolean, window: ModelMethod['window']): Float32Array {
  if (window === 'v2') return halfGaussianWeights(height, width);
  return isSingle ? new Float32Array(height * width).fill(1) : gaussianWeights(height, width);
}

/**
 * Returns the rows of the padded image that are finished with tile row `row` and not before, end excluded.
 *
 * @param row - Index of a tile row.
 */
export function finishedRows(grid: TileGrid, row: number): { readonly from: number; readonly to: number } {
  const from = startOfRow(grid, row);
  const isLast = row === grid.rows.length - 1;
  return { from, to: isLast ? grid.padded.height : startOfRow(grid, row + 1) };
}

/** Returns the first row of a tile row, px in the padded image. */
export function startOfRow(grid: TileGrid, row: number): number {
  const start = grid.rows[row];
  if (start === undefined) throw new RangeError(`Expected a tile row below ${grid.rows.length}, got ${row}`);
  return start;
}

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

/** `full`: every pixel is predicted; `annotated`: only tiles that contain an annotated pixel. */
export type Scope = 'full' | 'annotated';

/** Value of mask pixels that were not predicted. */
export const NOT_PREDICTED = 255;

const FIRST_ANNOTATED = 1;
const LAST_ANNOTATED = 16;

/** Returns whether a ground truth value counts in the evaluation: 0 is unannotated, values above 16 are not labels. */
export function isAnnotated(truth: number): boolean {
  return truth >= FIRST_ANNOTATED && truth <= LAST_ANNOTATED;
}

/**
 * Returns the columns of the tiles to predict in each tile row.
 *
 * @param truth - image.height x image.width uint8 labels; without it, all tiles are predicted.
 * @returns First columns in px in the padded image, ascending, one list per tile row.
 */
export function tilesInScope(grid: TileGrid, truth?: Uint8Array): readonly (readonly number[])[] {
  if (truth === undefined) return grid.rows.map(() => grid.columns);
  return grid.rows.map((top) => {
    const before = annotatedBefore(grid, truth, top);
    return grid.columns.filter((left) => {
      const from = columnOfImage(grid, left);
      const to = columnOfImage(grid, left + grid.patch.width);
      return (before[to] ?? 0) > (before[from] ?? 0);
    });
  });
}

/** Counts, for the rows of one tile row, the image columns before each x that contain an annotated pixel. */
function annotatedBefore(grid: TileGrid, truth: Uint8Array, top: number): Uint32Array {
  const { width, height } = grid.image;
  const holds = new Uint8Array(width);
  const from = Math.max(0, top - grid.offset.y);
  const to = Math.min(height, top + grid.patch.height - grid.offset.y);
  for (let y = from; y < to; y++) {
    for (let x = 0; x < width; x++) {
      if (isAnnotated(truth[y * width + x] ?? 0)) holds[x] = 1;
    }
  }
  const before = new Uint32Array(width + 1);
  for (let x = 0; x < width; x++) before[x + 1] = (before[x] ?? 0) + (holds[x] ?? 0);
  return before;
}

/** Converts a column of the padded image to one of the image, clamped to its width. */
function columnOfImage(grid: TileGrid, column: number): number {
  return Math.min(Math.max(column - grid.offset.x, 0), grid.image.width);
}
