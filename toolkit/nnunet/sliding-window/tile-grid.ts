import { roundHalfEven } from '../../numpy/round.ts';
import type { ModelMethod } from '../model-method.ts';
import { gaussianWeights, halfGaussianWeights } from './gaussian.ts';

/** How a position that falls on half a pixel is rounded: as NumPy does, or up as most languages do. */
export type TileRounding = 'half-even' | 'half-up';

/**
 * Where the tiles of a sliding window begin along one axis.
 *
 * The last tile ends at the border; the others are spread evenly, at most `patch / 2` apart.
 * Positions are rounded half to even as NumPy does: `Math.round` would move a tile by 1 px
 * for one image size in five.
 *
 * @param length - Padded image length in px, at least `patch`.
 * @param patch - Tile length in px.
 * @param rounding - `half-up` serves the discrepancy report only. Default: half-even.
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

/** Where the tiles of a sliding window are on an image, and how much their pixels count. */
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
  /** patch.height x patch.width float32, shared by all tiles: of v1 ones when the grid has one tile. */
  readonly weights: Float32Array;
}

/**
 * Lays the tiles of nnU-Net over an image: steps of at most half a patch, black border only where the image is
 * smaller than the patch (the smaller half above and left of it); of v1 Gaussian weights only when there are two tiles.
 *
 * @param image - Size of the image in px, each side at least 1.
 * @param patch - Size of a tile in px.
 * @param rounding - See {@link tileStarts}.
 * @param window - Version of nnU-Net whose weights are used. Default: v1.
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
 * The padded rows that no tile row after `row` touches and none before it has finished, end excluded.
 *
 * @param row - Index of a tile row.
 */
export function finishedRows(grid: TileGrid, row: number): { readonly from: number; readonly to: number } {
  const from = startOfRow(grid, row);
  const isLast = row === grid.rows.length - 1;
  return { from, to: isLast ? grid.padded.height : startOfRow(grid, row + 1) };
}

/** First padded row of a tile row, px. */
export function startOfRow(grid: TileGrid, row: number): number {
  const start = grid.rows[row];
  if (start === undefined) throw new RangeError(`Expected a tile row below ${grid.rows.length}, got ${row}`);
  return start;
}
