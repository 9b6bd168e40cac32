import { TAG, type TiffPage } from './tiff-pages.ts';
import type { TileSamples } from './tile-codec.ts';

/** A decoded tile: height x width x 3 uint8. */
export interface RgbTile {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

const WHITE_IS_ZERO = 0;
const PALETTE = 3;
const COLOURS = 3;
const VALUES = 256;

/**
 * Converts the samples of a tile to RGB: interleaves planes, expands grey and palettes, drops alpha.
 *
 * @param planes - One item with all channels, or one per channel if they are stored separately.
 */
export function asRgb(planes: readonly TileSamples[], page: TiffPage): RgbTile {
  const [first] = planes;
  if (first === undefined) throw new RangeError('Expected the samples of a tile');
  const { width, height } = first;
  if (planes.some((plane) => plane.width !== width || plane.height !== height)) {
    throw new RangeError('its planes differ in size');
  }
  const photometric = page.number(TAG.photometric, 1);
  if (photometric === PALETTE) return { width, height, data: ofPalette(first, page.numbers(TAG.colourMap)) };
  if (planes.length === 1 && first.channels === COLOURS) return { width, height, data: first.data };
  const data = new Uint8Array(width * height * COLOURS);
  const isInverted = photometric === WHITE_IS_ZERO;
  for (let channel = 0; channel < COLOURS; channel++) {
    const { data: samples, channels } = planes[channel] ?? first;
    // Grey (with or without alpha): the first sample is used for all three colours.
    const offset = planes.length > 1 || channels < COLOURS ? 0 : channel;
    for (let from = offset, to = channel; to < data.length; from += channels, to += COLOURS) {
      const value = samples[from] ?? 0;
      data[to] = isInverted ? VALUES - 1 - value : value;
    }
  }
  return { width, height, data };
}

/** @param map - 256 reds, then greens, then blues, 16 bits each. */
function ofPalette({ data: indices, channels }: TileSamples, map: readonly number[]): Uint8Array {
  const data = new Uint8Array((indices.length / channels) * COLOURS);
  for (let from = 0, to = 0; from < indices.length; from += channels, to += COLOURS) {
    const index = indices[from] ?? 0;
    for (let channel = 0; channel < COLOURS; channel++) data[to + channel] = (map[channel * VALUES + index] ?? 0) >> 8;
  }
  return data;
}
