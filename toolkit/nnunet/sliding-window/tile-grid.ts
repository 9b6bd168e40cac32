import { roundHalfEven } from '../../numpy/round.ts';
import type { ModelMethod } from '../model-method.ts';
import { gaussianWeights, halfGaussianWeights } from './gaussian.ts';

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
