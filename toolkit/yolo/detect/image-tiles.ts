import type { RgbImage } from '../../image/decode-pixels.ts';
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

/**
 * Fills a network's input with one tile: RGB scaled to [0, 1], padded with black beyond the right and lower border. The
 * authors' code fails on images whose sides are not multiples of the tile; padding with black is our choice.
 *
 * @param input - Receives 3 x size x size float32 (CHW).
 */
export function fillTile(
  { data, width, height }: RgbImage,
  { left, top }: ImageTile,
  size: number,
  input: Float32Array,
): void {
  const plane = size * size;
  const columns = Math.min(size, width - left);
  const rows = Math.min(size, height - top);
  if (columns < size || rows < size) input.fill(0);
  for (let row = 0; row < rows; row++) {
    let from = ((top + row) * width + left) * 3;
    const start = row * size;
    for (let to = start; to < start + columns; to++, from += 3) {
      input[to] = SCALED[data[from] ?? 0] ?? 0;
      input[to + plane] = SCALED[data[from + 1] ?? 0] ?? 0;
      input[to + 2 * plane] = SCALED[data[from + 2] ?? 0] ?? 0;
    }
  }
}

/**
 * Fills a network's input with the part of an image that starts at a tile: RGB scaled to [0, 1], padded with the grey that
 * was used in training.
 *
 * @param input - Receives 3 x height x width float32 (CHW).
 */
export function fillInput(
  image: Pick<RgbImage, 'width' | 'height' | 'data'>,
  { left, top }: Pick<ImageTile, 'left' | 'top'>,
  { width, height }: { readonly width: number; readonly height: number },
  input: Float32Array,
): void {
  const plane = width * height;
  const columns = Math.min(width, image.width - left);
  const rows = Math.min(height, image.height - top);
  if (columns < width || rows < height) input.fill(SCALED[PADDING] ?? 0);
  for (let row = 0; row < rows; row++) {
    let from = ((top + row) * image.width + left) * 3;
    const start = row * width;
    for (let to = start; to < start + columns; to++, from += 3) {
      input[to] = SCALED[image.data[from] ?? 0] ?? 0;
      input[to + plane] = SCALED[image.data[from + 1] ?? 0] ?? 0;
      input[to + 2 * plane] = SCALED[image.data[from + 2] ?? 0] ?? 0;
    }
  }
}
