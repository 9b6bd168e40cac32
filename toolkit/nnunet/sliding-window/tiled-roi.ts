import { ReigniteError } from '../../errors.ts';
import { decodeLabels } from '../../image/decode-labels.ts';
import { decodeRgb, type RgbImage } from '../../image/decode-pixels.ts';
import type { FoldNetworks } from '../networks/open-networks.ts';
import { cropped, filledNonZero, nonZeroBox, type PixelBox } from './non-zero-box.ts';
import type { RoiJob } from './roi-job.ts';
import { type Size, type TileGrid, tileGrid } from './tile-grid.ts';
import { type PixelValues, pixelValues } from './tile-input.ts';
import { tilesInScope } from './tile-scope.ts';

/** An image with its tiles. */
export interface TiledRoi {
  /** Over the part of the image that is predicted. */
  readonly grid: TileGrid;
  /** grid.image.height x grid.image.width x 3 uint8: that part. */
  readonly rgb: Uint8Array;
  /** What the networks see in place of its bytes. */
  readonly values: PixelValues;
  /** The image as a whole, px: what is not in the part below gets label 0. */
  readonly whole: Size;
  /** Where the part is in the image. */
  readonly part: PixelBox;
  /** whole.height x whole.width uint8; where given, only annotated pixels get a label. */
  readonly truth?: Uint8Array;
  /** First columns of the tiles to predict, px in the padded image, a list per tile row. */
  readonly tiles: readonly (readonly number[])[];
}

/** An image that was read. */
export interface ReadRoi {
  readonly roi: TiledRoi;
  /** What the file held and the networks do not see. */
  readonly notes: readonly string[];
}

/**
 * Reads an image and lays the tiles of a model over it.
 *
 * @throws ReigniteError IMAGE_UNREADABLE (also for colours where the networks take grey), FILE_MISSING, SIZE_MISMATCH.
 */
export async function readTiledRoi(
  { image, truth, scope, rounding }: Pick<RoiJob, 'image' | 'truth' | 'scope' | 'rounding'>,
  { patch, method }: Pick<FoldNetworks, 'patch' | 'method'>,
): Promise<ReadRoi> {
  const { data, width, height, notes } = await decodeRgb(image);
  if (method.normalisation.length === 1) requireGrey(data, image);
  const isCropped = method.window === 'v2';
  const whole = { height, width };
  const part = isCropped ? nonZeroBox(data, width, height) : { top: 0, bottom: height, left: 0, right: width };
  const size = { height: part.bottom - part.top, width: part.right - part.left };
  const isPart = size.height < height || size.width < width;
  const rgb = isPart ? cropped(data, width, 3, part) : data;
  const isMasked = method.normalisation.some((each) => each.scheme === 'ZScore' && each.masked);
  const inside = isMasked ? filledNonZero(rgb, size.width, size.height) : undefined;
  const values = pixelValues({ ...size, rgb, ...(inside && { inside }) }, method.normalisation);
  const grid = tileGrid(size, patch, rounding, method.window);
  const roi = { grid, rgb, values, whole, part };
  if (scope === 'full') return { roi: { ...roi, tiles: tilesInScope(grid) }, notes };
  const labels = await readTruth(truth, image, { width, height });
  const tiles = tilesInScope(grid, isPart ? cropped(labels, width, 1, part) : labels);
  return { roi: { ...roi, truth: labels, tiles }, notes };
}

function requireGrey(rgb: Uint8Array, image: string): void {
  for (let at = 0; at < rgb.length; at += 3) {
    if (rgb[at] === rgb[at + 1] && rgb[at] === rgb[at + 2]) continue;
    throw new ReigniteError('IMAGE_UNREADABLE', `${image} is in colour, but the model needs one grey channel.`, {
      remedy: 'Use grey images, as in the training.',
    });
  }
}

async function readTruth(
  truth: string | undefined,
  image: string,
  { width, height }: Pick<RgbImage, 'width' | 'height'>,
): Promise<Uint8Array> {
  if (truth === undefined) {
    throw new ReigniteError(
      'FILE_MISSING',
      `The scope "annotated" needs the label mask of the ROI; there is none for the image ${image}.`,
    );
  }
  const labels = await decodeLabels(truth);
  if (labels.width !== width || labels.height !== height) {
    throw new ReigniteError(
      'SIZE_MISMATCH',
      `The image ${image} has ${width} x ${height} px, its mask ${truth} ${labels.width} x ${labels.height} px.`,
    );
  }
  return labels.data;
}
