import { ReigniteError } from '../../errors.ts';
import { decodeLabels } from '../../image/decode-labels.ts';
import { type ChannelsImage, decodeChannels, decodeRgb } from '../../image/decode-pixels.ts';
import { areAsStored } from '../../image/image-header.ts';
import { turnIntoLuma } from '../../image/pixels.ts';
import { isCropped, type ModelMethod, maskedChannels } from '../model-card.ts';
import type { FoldNetworks } from '../networks/open-networks.ts';
import { cropped, nonZeroBox, nonZeroMask, type PixelBox } from './non-zero-box.ts';
import type { RoiJob } from './roi-job.ts';
import { type Size, type TileGrid, tileGrid, tilesInScope } from './tile-grid.ts';
import { type PixelValues, pixelValues } from './tile-input.ts';

/** An image with its tiles. */
export interface TiledRoi {
  /** Covers the part of the image that is predicted. */
  readonly grid: TileGrid;
  /** grid.image.height x grid.image.width x values.channels uint8: the predicted part. */
  readonly pixels: Uint8Array;
  /** How its bytes become network inputs. */
  readonly values: PixelValues;
  /** Size of the whole image, px. Pixels outside `part` get label 0. */
  readonly whole: Size;
  /** Position of the predicted part in the image. */
  readonly part: PixelBox;
  /** whole.height x whole.width uint8. If given, only annotated pixels get a label. */
  readonly truth?: Uint8Array;
  /** First columns of the tiles to predict, px in the padded image, one list per tile row. */
  readonly tiles: readonly (readonly number[])[];
}

/** Decodes an image file. */
export type DecodeImage = (path: string) => Promise<ChannelsImage>;

/**
 * Reads an image and lays the tiles of a model over it.
 *
 * @param decode - Decodes the image as the networks need it.
 * @returns Also notes on what the file contains and the networks do not see.
 * @throws ReigniteError IMAGE_UNREADABLE (also for a colour image if the networks take grey, and for another number of
 *   channels), FILE_MISSING, SIZE_MISMATCH.
 */
export async function readTiledRoi(
  { image, truth, scope, rounding }: Pick<RoiJob, 'image' | 'truth' | 'scope' | 'rounding'>,
  { patch, method }: Pick<FoldNetworks, 'patch' | 'method'>,
  decode: DecodeImage = (path) => decodeFor(path, method),
): Promise<{ readonly roi: TiledRoi; readonly notes: readonly string[] }> {
  const { data, width, height, channels, notes } = await decode(image);
  const whole = { height, width };
  const part = isCropped(method)
    ? nonZeroBox(data, width, height, channels)
    : { top: 0, bottom: height, left: 0, right: width };
  const size = { height: part.bottom - part.top, width: part.right - part.left };
  const isPart = size.height < height || size.width < width;
  const pixels = isPart ? cropped(data, width, channels, part) : data;
  const isMasked = maskedChannels(method.normalisation).includes(true);
  const inside = isMasked ? nonZeroMask(pixels, channels) : undefined;
  const values = pixelValues({ ...size, pixels, channels, ...(inside && { inside }) }, method.normalisation);
  const grid = tileGrid(size, patch, rounding, method.window);
  const roi = { grid, pixels, values, whole, part };
  if (scope === 'full') return { roi: { ...roi, tiles: tilesInScope(grid) }, notes };
  const labels = await readTruth(truth, image, { width, height });
  const tiles = tilesInScope(grid, isPart ? cropped(labels, width, 1, part) : labels);
  return { roi: { ...roi, truth: labels, tiles }, notes };
}

/** Decodes an image to the channels that networks need: RGB, grey in three bytes, or all channels of the file. */
export async function decodeFor(path: string, method: ModelMethod): Promise<ChannelsImage> {
  const channels = method.normalisation.length;
  if (areAsStored(channels)) return decodeChannels(path, channels);
  const image = await decodeRgb(path);
  if (channels === 1) asGrey(image.data, method, { path, kind: 'images' });
  return { ...image, channels: 3 };
}

async function readTruth(truth: string | undefined, image: string, { width, height }: Size): Promise<Uint8Array> {
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

/**
 * Makes pixels grey for networks with one channel: by their luma if the model says so, else they must be grey already.
 *
 * @param rgb - pixels x 3 uint8; overwritten if their luma is used.
 * @param of - Their file, and what it is called in a message: images or slides.
 * @throws ReigniteError IMAGE_UNREADABLE if a pixel is in colour but must be grey.
 */
export function asGrey(
  rgb: Uint8Array,
  { takesLuma }: Pick<ModelMethod, 'takesLuma'>,
  { path, kind }: { readonly path: string; readonly kind: 'images' | 'slides' },
): void {
  if (takesLuma === true) {
    turnIntoLuma(rgb);
    return;
  }
  for (let at = 0; at < rgb.length; at += 3) {
    if (rgb[at] === rgb[at + 1] && rgb[at] === rgb[at + 2]) continue;
    throw new ReigniteError('IMAGE_UNREADABLE', `${path} is in colour, but the model needs one grey channel.`, {
      remedy: `Use grey ${kind}, as in the training.`,
    });
  }
}
