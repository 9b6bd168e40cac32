import { markHandled } from '../../concurrency.ts';
import { ReigniteError } from '../../errors.ts';
import { sha256OfFile } from '../../files/hash-file.ts';
import { decodeLabels } from '../../image/decode-labels.ts';
import { type ChannelsImage, decodeChannels, decodeRgb } from '../../image/decode-pixels.ts';
import { areAsStored } from '../../image/image-header.ts';
import { imageSize } from '../../image/open-image.ts';
import { turnIntoLuma } from '../../image/pixels.ts';
import { isCropped, type ModelMethod, maskedChannels } from '../model-card.ts';
import type { FoldNetworks } from '../networks/ort-fold-networks.ts';
import { type Scope, type Size, type TileGrid, type TileRounding, tileGrid, tilesInScope } from './tile-grid.ts';
import { type PixelValues, pixelValues } from './tile-input.ts';

/** An image to lay tiles over. All paths are local. */
export interface RoiToTile {
  /** The image. */
  readonly image: string;
  /** Label mask of the same size; needed for scope `annotated`. */
  readonly truth?: string;
  readonly scope: Scope;
  /** How tile positions are rounded; `half-up` is only for the discrepancy report. Default: half-even, like nnU-Net. */
  readonly rounding?: TileRounding;
}

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
  { image, truth, scope, rounding }: RoiToTile,
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

/** A rectangle of pixels, px; `bottom` and `right` are excluded. */
export interface PixelBox {
  readonly top: number;
  readonly bottom: number;
  readonly left: number;
  readonly right: number;
}

/**
 * Returns the smallest rectangle that contains all pixels that are not black; like nnU-Net v2, the whole image if all
 * are black.
 *
 * @param pixels - height x width x channels uint8.
 * @see `crop_to_nonzero`, nnU-Net v2
 */
export function nonZeroBox(pixels: Uint8Array, width: number, height: number, channels = 3): PixelBox {
  const whole = { top: 0, bottom: height, left: 0, right: width };
  const row = width * channels;
  const isBlack = (from: number, to: number): boolean => {
    for (let at = from; at < to; at++) if (pixels[at] !== 0) return false;
    return true;
  };
  let { top, bottom } = whole;
  while (top < bottom && isBlack(top * row, (top + 1) * row)) top++;
  if (top === bottom) return whole;
  while (isBlack((bottom - 1) * row, bottom * row)) bottom--;
  let left = width;
  let right = 0;
  for (let y = top; y < bottom; y++) {
    const start = y * row;
    let x = 0;
    while (x < left && isBlack(start + channels * x, start + channels * (x + 1))) x++;
    left = Math.min(left, x);
    let end = width;
    while (end > right && isBlack(start + channels * (end - 1), start + channels * end)) end--;
    right = Math.max(right, end);
  }
  return { top, bottom, left, right };
}

/** Copies the part of an image in a box. @param channels - Bytes per pixel. */
export function cropped(pixels: Uint8Array, width: number, channels: number, box: PixelBox): Uint8Array {
  const across = (box.right - box.left) * channels;
  const crop = new Uint8Array((box.bottom - box.top) * across);
  for (let y = box.top; y < box.bottom; y++) {
    const from = (y * width + box.left) * channels;
    crop.set(pixels.subarray(from, from + across), (y - box.top) * across);
  }
  return crop;
}

/**
 * Returns 1 for pixels that are not black, 0 for black ones. nnU-Net means to fill black holes as well, but it fills
 * them in three dimensions, and an image of one plane has no enclosed hole.
 *
 * @param pixels - height x width x channels uint8.
 * @returns height x width uint8.
 * @see `create_nonzero_mask` of nnU-Net v1 and v2, and `binary_fill_holes`, SciPy
 */
export function nonZeroMask(pixels: Uint8Array, channels: number): Uint8Array {
  const mask = new Uint8Array(pixels.length / channels);
  for (let at = 0; at < pixels.length; at++) if (pixels[at] !== 0) mask[Math.floor(at / channels)] = 1;
  return mask;
}

/** Larger images are not decoded ahead, because two would be in memory at the same time, px. */
const MOST_PIXELS = 2 ** 26;

/** Images decoded for nothing in a row, after which none is decoded ahead: other workers take the next images. */
const MOST_UNUSED = 3;

interface DecodedAhead {
  readonly path: string;
  /** Undefined if it was too large, or could not be read. */
  readonly image: Promise<{ readonly sha256: string; readonly pixels: ChannelsImage } | undefined>;
}

/** Decodes the next image while the GPU computes the present one, so that it does not wait for the decoder. */
export class ImageAhead {
  readonly #decode: DecodeImage;
  #next: DecodedAhead | undefined;
  #unused = 0;

  /** @param decode - Decodes an image as the networks need it. */
  constructor(decode: DecodeImage) {
    this.#decode = decode;
  }

  /** Starts to decode an image. Errors are left to the job that segments it. */
  start(path: string): void {
    if (this.#next?.path === path) return;
    if (this.#unused >= MOST_UNUSED) {
      // The last image may take hundreds of megabytes.
      this.#next = undefined;
      return;
    }
    if (this.#next !== undefined) this.#unused += 1;
    const image = decodeAhead(path, this.#decode);
    markHandled(image);
    this.#next = { path, image };
  }

  /**
   * Returns the pixels of an image, decoded ahead or now.
   *
   * @param sha256 - Digest of the image file. Pixels decoded from other bytes are not used.
   * @throws What `decode` throws.
   */
  async pixels(path: string, sha256: string): Promise<ChannelsImage> {
    const next = this.#next;
    if (next?.path !== path) return this.#decode(path);
    this.#next = undefined;
    const ahead = await next.image.catch(() => undefined);
    if (ahead?.sha256 !== sha256) return this.#decode(path);
    this.#unused = 0;
    return ahead.pixels;
  }
}

async function decodeAhead(path: string, decode: DecodeImage): Promise<Awaited<DecodedAhead['image']>> {
  const { width, height } = await imageSize(path);
  if (width * height > MOST_PIXELS) return undefined;
  return { sha256: await sha256OfFile(path), pixels: await decode(path) };
}
