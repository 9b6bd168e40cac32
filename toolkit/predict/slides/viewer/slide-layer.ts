import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import type { SlideView } from '../../../slide/read/slide-view.ts';
import { ZOOM_TILE, type ZoomLayer, type ZoomTile, zoomTilePath } from '../../../slide/write/deep-zoom.ts';
import { pyramidSizes } from '../../../slide/write/pyramid-sizes.ts';

const QUALITY = 80;
const WHITE = 255;

/**
 * Makes a layer of JPEG tiles of the slide. A tile of a smaller level is made from the four files of the next larger one,
 * so it is the same after an interruption, and memory does not grow with the slide.
 *
 * @param folder - Folder to which the tiles of this layer are written.
 */
export function slideLayer(view: SlideView, folder: string): ZoomLayer {
  const levels = pyramidSizes(view, ZOOM_TILE);
  const layer: ZoomLayer = {
    format: 'jpg',
    levels,
    async encode(tile) {
      const { left, top, width, height } = tile;
      const pixels = tile.level === 0 ? await view.read(left, top, width, height) : await halved(layer, folder, tile);
      return sharp(pixels, { raw: { width, height, channels: 3 } })
        .jpeg({ quality: QUALITY })
        .toBuffer();
    },
  };
  return layer;
}

/** Joins the four tiles of the next larger level and halves their size. */
async function halved(layer: ZoomLayer, folder: string, { level, column, row, width, height }: ZoomTile) {
  const finer = layer.levels[level - 1] ?? { width: 0, height: 0 };
  const below = [0, 1, 2, 3].flatMap((part) => {
    const at = { level: level - 1, column: 2 * column + (part % 2), row: 2 * row + (part >> 1) };
    const [left, top] = [at.column * ZOOM_TILE, at.row * ZOOM_TILE];
    if (left >= finer.width || top >= finer.height) return [];
    const size = { width: Math.min(ZOOM_TILE, finer.width - left), height: Math.min(ZOOM_TILE, finer.height - top) };
    return [{ ...at, ...size, top: (part >> 1) * ZOOM_TILE, left: (part % 2) * ZOOM_TILE }];
  });
  const whole = { width: 2 * width, height: 2 * height };
  const pixels = new Uint8Array(whole.width * whole.height * 3).fill(WHITE);
  for (const part of below) {
    const jpeg = await readFile(join(folder, zoomTilePath(layer, part)));
    const data = await sharp(jpeg).raw().toBuffer();
    for (let y = 0; y < part.height; y++) {
      const line = data.subarray(3 * y * part.width, 3 * (y + 1) * part.width);
      pixels.set(line, 3 * ((part.top + y) * whole.width + part.left));
    }
  }
  repeatBorder(pixels, whole, below);
  return sharp(pixels, { raw: { ...whole, channels: 3 } })
    .resize({ width, height, fit: 'fill', kernel: 'linear' })
    .raw()
    .toBuffer();
}

/** Repeats the last row and column of a level of odd size, so that no white is blended in at the border. */
function repeatBorder(
  pixels: Uint8Array,
  { width, height }: { readonly width: number; readonly height: number },
  parts: readonly { readonly left: number; readonly top: number; readonly width: number; readonly height: number }[],
): void {
  const right = Math.max(...parts.map((part) => part.left + part.width));
  const bottom = Math.max(...parts.map((part) => part.top + part.height));
  for (let y = 0; right < width && y < bottom; y++) {
    const last = 3 * (y * width + right - 1);
    pixels.copyWithin(last + 3, last, last + 3);
  }
  for (let y = bottom; y < height; y++) pixels.copyWithin(3 * y * width, 3 * (bottom - 1) * width, 3 * bottom * width);
}
