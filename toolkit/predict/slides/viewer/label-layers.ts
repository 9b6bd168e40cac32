import { indexedPng } from '../../../image/encode-png.ts';
import { NOT_PREDICTED } from '../../../nnunet/sliding-window/tile-grid.ts';
import type { LabelPyramid } from '../../../slide/read/label-pyramid.ts';
import { ZOOM_TILE, type ZoomLayer, type ZoomTile } from '../../../slide/write/deep-zoom.ts';
import { pyramidSizes } from '../../../slide/write/pyramid-sizes.ts';

const VALUES = 256;
const OPAQUE = 255;
const TRANSPARENT = [0, 0, 0, 0] as const;
/** Colour of low confidence, as in the report: the lower the confidence, the more opaque. */
const UNCLEAR = [0, 20, 90] as const;

/** Makes a layer of the classes in their colours. Colours are never blended, and label 0 is not drawn. */
export function classesLayer(mask: LabelPyramid): ZoomLayer {
  const palette = Array.from({ length: VALUES }, (_, value) => {
    const isDrawn = value !== 0 && value !== NOT_PREDICTED;
    const [red, green, blue] = mask.palette?.[value] ?? [0, 0, 0];
    return isDrawn ? ([red, green, blue, OPAQUE] as const) : TRANSPARENT;
  });
  return {
    format: 'png',
    levels: pyramidSizes(mask.levels[0] ?? { width: 1, height: 1 }, ZOOM_TILE),
    async encode(tile) {
      const data = await valuesOf(mask, tile);
      if (data.every((value) => value === 0 || value === NOT_PREDICTED)) return undefined;
      return indexedPng({ width: tile.width, height: tile.height, data }, palette);
    },
  };
}

/** Makes a layer of low confidence. It is transparent where the confidence is high and where nothing was predicted. */
export function confidenceLayer(confidence: LabelPyramid, mask: LabelPyramid): ZoomLayer {
  const palette = Array.from({ length: VALUES }, (_, value) => {
    const opacity = Math.round((1 - value / OPAQUE) ** 2 * OPAQUE);
    return [...UNCLEAR, opacity] as const;
  });
  return {
    format: 'png',
    levels: pyramidSizes(confidence.levels[0] ?? { width: 1, height: 1 }, ZOOM_TILE),
    async encode(tile) {
      const [data, labels] = await Promise.all([valuesOf(confidence, tile), valuesOf(mask, tile)]);
      for (const [at, label] of labels.entries()) if (label === NOT_PREDICTED) data[at] = OPAQUE;
      if (data.every((value) => value === OPAQUE)) return undefined;
      return indexedPng({ width: tile.width, height: tile.height, data }, palette);
    },
  };
}

/** Reads the values of a tile. Levels smaller than those of the file take the upper left of every four pixels, as it does. */
async function valuesOf(pyramid: LabelPyramid, { level, left, top, width, height }: ZoomTile): Promise<Uint8Array> {
  const last = pyramid.levels.length - 1;
  if (level <= last) return pyramid.read(level, left, top, width, height);
  const size = pyramid.levels[last] ?? { width: 1, height: 1 };
  const whole = await pyramid.read(last, 0, 0, size.width, size.height);
  const step = 2 ** (level - last);
  const data = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    const from = (top + y) * step * size.width + left * step;
    for (let x = 0; x < width; x++) data[y * width + x] = whole[from + x * step] ?? 0;
  }
  return data;
}
