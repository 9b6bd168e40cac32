import sharp from 'sharp';
import { HE_LABELS, NO_LABEL_COLOUR, type Rgb } from '../../dataset/tissue-labels.ts';
import { openImage, unreadable } from '../../image/open-image.ts';
import { NOT_PREDICTED } from '../../nnunet/sliding-window/tile-grid.ts';

/** Width and height in px. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** Scales a size down so that its longer side is at most `edge` px; each side is at least 1 px. */
export function sizeWithin({ width, height }: Size, edge: number): Size {
  const scale = Math.min(1, edge / Math.max(width, height));
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}

/**
 * Returns for every column (or row) of the smaller image the start of its part of the larger one, and the end of the
 * last.
 */
function startsOf(from: number, to: number): Uint32Array {
  return Uint32Array.from({ length: to + 1 }, (_, k) => Math.floor((k * from) / to));
}

/** Reduces a mask to the labels at the centres of blocks, so that no new labels appear. */
export function shrinkLabels(labels: Uint8Array, from: Size, to: Size): Uint8Array {
  const small = new Uint8Array(to.width * to.height);
  for (let y = 0; y < to.height; y++) {
    const row = Math.floor(((y + 0.5) * from.height) / to.height) * from.width;
    for (let x = 0; x < to.width; x++) {
      small[y * to.width + x] = labels[row + Math.floor(((x + 0.5) * from.width) / to.width)] ?? 0;
    }
  }
  return small;
}

/** Returns 1 for every block in which two masks differ in any pixel, so that no difference is lost. */
export function shrinkDifferences(one: Uint8Array, other: Uint8Array, from: Size, to: Size): Uint8Array {
  const small = new Uint8Array(to.width * to.height);
  for (let y = 0; y < from.height; y++) {
    const row = Math.floor((y * to.height) / from.height) * to.width;
    for (let x = 0; x < from.width; x++) {
      const at = y * from.width + x;
      if (one[at] !== other[at]) small[row + Math.floor((x * to.width) / from.width)] = 1;
    }
  }
  return small;
}

/** Returns the smallest confidence of every block, scaled from uint16 to 0 to 255. */
export function shrinkToSmallest(values: Uint16Array, from: Size, to: Size): Uint8Array {
  const [columns, rows] = [startsOf(from.width, to.width), startsOf(from.height, to.height)];
  const small = new Uint8Array(to.width * to.height);
  for (let y = 0; y < to.height; y++) {
    for (let x = 0; x < to.width; x++) {
      let smallest = 65_535;
      for (let row = rows[y] ?? 0; row < (rows[y + 1] ?? 0); row++) {
        for (let column = columns[x] ?? 0; column < (columns[x + 1] ?? 0); column++) {
          const value = values[row * from.width + column] ?? 65_535;
          if (value < smallest) smallest = value;
        }
      }
      small[y * to.width + x] = smallest >> 8;
    }
  }
  return small;
}

const PHOTO_QUALITY = 48;
const OPAQUE = 255;
/** Colours of differing pixels: black with a yellow rim stands out on every tissue, also with colour vision deficiency. */
const CORE = packed([0, 0, 0]);
const RIM = packed([255, 230, 0]);
/** Number of opacity levels of low confidence; few, to save bytes. */
const OPACITY_STEPS = 8;

/** Packs red, green, blue and opacity into the four bytes of a pixel. */
function packed([red, green, blue]: Rgb, opacity = OPAQUE): number {
  return ((opacity << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}

/**
 * Decodes an image once, reduced to at most `largest` px.
 *
 * @returns Encodes the image as WebP with a longer side of at most `edge` px; may be called several times.
 *
 * @throws ReigniteError FILE_MISSING, IMAGE_UNREADABLE.
 */
export async function openPhoto(path: string, largest: number): Promise<(edge: number) => Promise<Uint8Array>> {
  const { pipeline } = await openImage(path);
  const small = pipeline.removeAlpha().toColourspace('srgb').resize(within(largest));
  const { data, info } = await small
    .raw()
    .toBuffer({ resolveWithObject: true })
    .catch((error: unknown) => {
      throw unreadable(path, error);
    });
  const raw = { width: info.width, height: info.height, channels: info.channels };
  return (edge) => sharp(data, { raw }).resize(within(edge)).webp({ quality: PHOTO_QUALITY, effort: 4 }).toBuffer();
}

function within(edge: number) {
  return { width: edge, height: edge, fit: 'inside', withoutEnlargement: true } as const;
}

/**
 * Encodes labels in the paper's colours, lossless.
 *
 * @param hidesUnannotated - Whether label 0 is transparent, as for ground truth; in predictions it is black as in the
 * paper.
 */
export async function encodeMask(labels: Uint8Array, size: Size, hidesUnannotated: boolean): Promise<Uint8Array> {
  const colours = Uint32Array.from({ length: 256 }, (_, label) => {
    const isHidden = label === NOT_PREDICTED || (label === 0 && hidesUnannotated);
    return isHidden ? 0 : packed(HE_LABELS[label]?.colour ?? NO_LABEL_COLOUR);
  });
  return encodeLossless(coloured(labels, colours), size);
}

/** Maps values to colours. `Uint32Array.from` with a function would be about 50 times slower than this loop. */
function coloured(values: Uint8Array, colours: Uint32Array): Uint32Array {
  const pixels = new Uint32Array(values.length);
  for (let at = 0; at < values.length; at++) pixels[at] = colours[values[at] ?? 0] ?? 0;
  return pixels;
}

/** Encodes confidences, 0 to 255: transparent at high confidence, more opaque the lower it is. */
export async function encodeConfidences(confidences: Uint8Array, size: Size): Promise<Uint8Array> {
  const colours = Uint32Array.from({ length: 256 }, (_, confidence) => {
    const opacity = Math.round((1 - confidence / 255) ** 2 * OPACITY_STEPS) / OPACITY_STEPS;
    return opacity === 0 ? 0 : packed([0, 20, 90], Math.round(opacity * OPAQUE));
  });
  return encodeLossless(coloured(confidences, colours), size);
}

/** Encodes the blocks in which two masks differ (1), with a rim around them. */
export async function encodeDifferences(differing: Uint8Array, size: Size): Promise<Uint8Array> {
  const { width, height } = size;
  const pixels = new Uint32Array(width * height);
  const around = [-1, 0, 1];
  for (const [at, differs] of differing.entries()) {
    if (differs === 0) continue;
    const [x, y] = [at % width, Math.floor(at / width)];
    for (const down of around) {
      for (const right of around) {
        const [column, row] = [x + right, y + down];
        if (column < 0 || column >= width || row < 0 || row >= height) continue;
        const near = row * width + column;
        pixels[near] = differing[near] === 1 ? CORE : RIM;
      }
    }
  }
  return encodeLossless(pixels, size);
}

async function encodeLossless(pixels: Uint32Array, { width, height }: Size): Promise<Uint8Array> {
  const bytes = new Uint8Array(pixels.buffer, pixels.byteOffset, pixels.byteLength);
  return sharp(bytes, { raw: { width, height, channels: 4 } })
    .webp({ lossless: true, effort: 4 })
    .toBuffer();
}
