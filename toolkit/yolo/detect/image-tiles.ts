import type { RgbImage } from '../../image/decode-pixels.ts';
import { RGB } from '../../image/image-header.ts';
import type { Pixels } from '../../image/pixels.ts';
import { PADDING } from './letterbox.ts';

/** One tile of an image. */
export interface ImageTile {
  /** Number of the tile, row by row. */
  readonly index: number;
  /** First column in px. */
  readonly left: number;
  /** First row in px. */
  readonly top: number;
}

/** Covers an image with tiles of `size` px without overlap, row by row. The last ones may reach beyond the border. */
export function imageTiles({ width, height }: Pick<RgbImage, 'width' | 'height'>, size: number): readonly ImageTile[] {
  const columns = Math.ceil(width / size);
  return Array.from({ length: columns * Math.ceil(height / size) }, (_, index) => ({
    index,
    left: (index % columns) * size,
    top: Math.floor(index / columns) * size,
  }));
}

/** Value / 255 for the 256 values of a byte, in float32. */
const SCALED = Float32Array.from({ length: 256 }, (_, value) => value / 255);

type Source = Pick<Pixels, 'width' | 'height' | 'channels' | 'data'>;

/**
 * Fills a network's input with one tile: channels scaled to [0, 1], padded with black beyond the right and lower border. The
 * authors' code fails on images whose sides are not multiples of the tile; padding with black is our choice.
 *
 * @param input - Receives channels x size x size float32 (CHW).
 */
export function fillTile(
  image: Source,
  place: Pick<ImageTile, 'left' | 'top'>,
  size: number,
  input: Float32Array,
): void {
  fillPart(image, place, { width: size, height: size }, 0, input);
}

/**
 * Fills a network's input with the part of an image that starts at a tile: channels scaled to [0, 1], padded with the grey
 * that was used in training.
 *
 * @param input - Receives channels x height x width float32 (CHW).
 */
export function fillInput(
  image: Source,
  place: Pick<ImageTile, 'left' | 'top'>,
  size: { readonly width: number; readonly height: number },
  input: Float32Array,
): void {
  fillPart(image, place, size, SCALED[PADDING] ?? 0, input);
}

function fillPart(
  image: Source,
  { left, top }: Pick<ImageTile, 'left' | 'top'>,
  { width, height }: { readonly width: number; readonly height: number },
  padding: number,
  input: Float32Array,
): void {
  const { data, channels = RGB } = image;
  const plane = width * height;
  const columns = Math.min(width, image.width - left);
  const rows = Math.min(height, image.height - top);
  if (columns < width || rows < height) input.fill(padding);
  for (let channel = 0; channel < channels; channel++) {
    for (let row = 0; row < rows; row++) {
      let from = ((top + row) * image.width + left) * channels + channel;
      const start = channel * plane + row * width;
      for (let to = start; to < start + columns; to++, from += channels) input[to] = SCALED[data[from] ?? 0] ?? 0;
    }
  }
}
