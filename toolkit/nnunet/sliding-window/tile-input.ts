import { type ModelMethod, maskedChannels, type Normalisation } from '../model-card.ts';
import type { Size, TileGrid } from './tile-grid.ts';

/** An image as decoded. */
export interface ImagePixels {
  readonly width: number;
  readonly height: number;
  /** height x width x channels uint8, row by row. */
  readonly pixels: Uint8Array;
  /** Bytes per pixel; three for grey, too. */
  readonly channels: number;
  /** height x width; 0 for black pixels. Missing if it is not needed. */
  readonly inside?: Uint8Array;
}

const VALUES = 256;
const EPSILON = 1e-8;

/** Lookup tables from image bytes to network inputs, with 256 float32 per channel. */
export interface PixelValues {
  readonly tables: readonly Float32Array[];
  /** Bytes per pixel. With a single table and three bytes, the first byte is used. */
  readonly channels: number;
  /** height x width; where it is 0, masked channels are 0 regardless of their tables. Missing if none is masked. */
  readonly inside?: Uint8Array;
  /** Whether each channel is masked. Missing if none is. */
  readonly masked?: readonly boolean[];
}

/**
 * Computes how normalisation maps the bytes of an image. Because images have 8 bits, every scheme of nnU-Net is a
 * lookup table once the mean, standard deviation or range of the image is known. These are computed in float64 and
 * rounded once.
 *
 * @param schemes - One per channel. With a single one, the first byte of each pixel is used.
 * @see default_normalization_schemes.py, nnU-Net v2 2.8.1
 */
export function pixelValues(image: ImagePixels, schemes: readonly Normalisation[]): PixelValues {
  const { channels, inside } = image;
  const masked = maskedChannels(schemes);
  const tables = pixelTables(schemes, (channel) => histogramOf(image, channel, masked[channel] === true));
  return { tables, channels, ...(masked.includes(true) && inside !== undefined && { inside, masked }) };
}

/**
 * Computes the lookup tables of normalisation.
 *
 * @param histogram - Returns how often each value occurs in a channel of the image. Called only for schemes that need
 *   it.
 */
export function pixelTables(
  schemes: readonly Normalisation[],
  histogram: (channel: number, scheme: Normalisation) => Float64Array,
): readonly Float32Array[] {
  return schemes.map((scheme, channel) =>
    tableOf(scheme, () =>
      isTogether(scheme) ? sumOf(schemes.map((each, of) => histogram(of, each))) : histogram(channel, scheme),
    ),
  );
}

/** Returns whether a scheme needs the histogram of the image. */
export function needsHistogram({ scheme }: Normalisation): boolean {
  return scheme !== 'RGBTo01' && scheme !== 'None' && scheme !== 'CT';
}

function isTogether(scheme: Normalisation): boolean {
  return (scheme.scheme === 'Standardised' || scheme.scheme === 'Percentiles') && scheme.together;
}

function sumOf(histograms: readonly Float64Array[]): Float64Array {
  return Float64Array.from({ length: VALUES }, (_, value) =>
    histograms.reduce((sum, counts) => sum + (counts[value] ?? 0), 0),
  );
}

function tableOf(scheme: Normalisation, histogram: () => Float64Array): Float32Array {
  switch (scheme.scheme) {
    case 'RGBTo01':
      // For all 256 values, a division in float32 would give the same bits as this one, which is in float64 like
      // NumPy's.
      return table((value) => value / 255);
    case 'None':
      return table((value) => value);
    case 'CT': {
      const [mean, std] = [Math.fround(scheme.mean), Math.fround(Math.max(scheme.std, EPSILON))];
      return table(
        (value) => Math.fround(Math.fround(Math.min(Math.max(value, scheme.low), scheme.high)) - mean) / std,
      );
    }
    case 'RescaleTo01': {
      const present = histogram();
      const low = Math.max(
        0,
        present.findIndex((count) => count > 0),
      );
      const span = present.findLastIndex((count) => count > 0) - low;
      return table((value) => (value - low) / Math.max(span, EPSILON));
    }
    case 'Standardised': {
      const { mean, variance } = varianceOf(histogram());
      return table((value) => (value - mean) / (Math.sqrt(variance) + scheme.epsilon));
    }
    case 'Percentiles': {
      const counts = histogram();
      const [low, high] = [percentileOf(counts, scheme.low), percentileOf(counts, scheme.high)];
      return table((value) => (value - low) / (high - low + scheme.epsilon));
    }
    case 'ZScore': {
      const { mean, std } = momentsOf(histogram());
      return table((value) => Math.fround(value - mean) / std);
    }
  }
}

function table(of: (value: number) => number): Float32Array {
  return Float32Array.from({ length: VALUES }, (_, value) => of(value));
}

function histogramOf({ pixels, channels, inside }: ImagePixels, channel: number, isMasked: boolean): Float64Array {
  const counts = new Float64Array(VALUES);
  const mask = isMasked ? inside : undefined;
  for (let at = channel, pixel = 0; at < pixels.length; at += channels, pixel++) {
    if (mask !== undefined && mask[pixel] === 0) continue;
    const value = pixels[at] ?? 0;
    counts[value] = (counts[value] ?? 0) + 1;
  }
  return counts;
}

function momentsOf(counts: Float64Array): { readonly mean: number; readonly std: number } {
  const { mean, variance } = varianceOf(counts);
  return { mean: Math.fround(mean), std: Math.fround(Math.max(Math.sqrt(variance), EPSILON)) };
}

function varianceOf(counts: Float64Array): { readonly mean: number; readonly variance: number } {
  const total = Math.max(
    1,
    counts.reduce((sum, count) => sum + count, 0),
  );
  const mean = counts.reduce((sum, count, value) => sum + count * value, 0) / total;
  const variance = counts.reduce((sum, count, value) => sum + count * (value - mean) ** 2, 0) / total;
  return { mean, variance };
}

/** Returns a percentile by linear interpolation, like `numpy.percentile`. @param percent - 0 to 100. */
function percentileOf(counts: Float64Array, percent: number): number {
  const total = counts.reduce((sum, count) => sum + count, 0);
  const place = (percent / 100) * Math.max(0, total - 1);
  const [below, above] = [valueAt(counts, Math.floor(place)), valueAt(counts, Math.ceil(place))];
  return below + (above - below) * (place - Math.floor(place));
}

/** Returns the value at an index of the sorted values of the image. */
function valueAt(counts: Float64Array, place: number): number {
  let seen = 0;
  const found = counts.findIndex((count) => {
    seen += count;
    return seen > place;
  });
  return Math.max(0, found);
}

/**
 * Fills the network input with one tile: normalised values, and 0 outside the image.
 *
 * @param pixels - image.height x image.width x values.channels uint8.
 * @param top - First row of the tile in the padded image, px.
 * @param left - First column of the tile in the padded image, px.
 * @param input - Receives channels x patch.height x patch.width float32 (CHW).
 */
export function fillTileInput(
  pixels: Uint8Array,
  values: PixelValues,
  grid: TileGrid,
  top: number,
  left: number,
  input: Float32Array,
): void {
  const { patch, image, offset } = grid;
  const isInside = image.height >= patch.height && image.width >= patch.width;
  if (!isInside) input.fill(0);
  const fromColumn = Math.max(0, offset.x - left);
  const toColumn = Math.min(patch.width, offset.x - left + image.width);
  for (let i = 0; i < patch.height; i++) {
    const y = top + i - offset.y;
    if (y < 0 || y >= image.height) continue;
    const from = y * image.width + left + fromColumn - offset.x;
    fillRow(
      pixels,
      values,
      from,
      input,
      i * patch.width + fromColumn,
      toColumn - fromColumn,
      patch.height * patch.width,
    );
  }
}

/** A hot loop: plain indices from 0, no calls, four pixels at a time. `from` and `to` are indices of pixels. */
function fillRow(
  pixels: Uint8Array,
  { tables, channels, inside, masked }: PixelValues,
  from: number,
  input: Float32Array,
  to: number,
  count: number,
  plane: number,
): void {
  for (let channel = 0; channel < tables.length; channel++) {
    const table = tables[channel] ?? new Float32Array();
    const bytes = pixels.subarray(channels * from + channel, channels * (from + count));
    const values = input.subarray(channel * plane + to, channel * plane + to + count);
    const fours = count - (count % 4);
    for (let j = 0, at = 0; j < fours; j += 4, at += 4 * channels) {
      values[j] = table[bytes[at] ?? 0] ?? 0;
      values[j + 1] = table[bytes[at + channels] ?? 0] ?? 0;
      values[j + 2] = table[bytes[at + 2 * channels] ?? 0] ?? 0;
      values[j + 3] = table[bytes[at + 3 * channels] ?? 0] ?? 0;
    }
    for (let j = fours; j < count; j++) values[j] = table[bytes[channels * j] ?? 0] ?? 0;
    if (inside === undefined || masked?.[channel] !== true) continue;
    for (let j = 0; j < count; j++) if (inside[from + j] === 0) values[j] = 0;
  }
}

/** Memory of one pass through a network, which its thread can fill. */
export interface PassBuffers {
  readonly input: Float32Array;
  readonly output: Float32Array;
}

/** What the memory of a pass depends on. */
interface TiledNetworks {
  /** Size of a tile, px. */
  readonly patch: Size;
  /** Outputs per pixel. */
  readonly classes: number;
  readonly method: ModelMethod;
}

/** Allocates the input and the output of one tile, in memory that is shared with the threads of the networks. */
export function passBuffers({ patch, classes, method }: TiledNetworks): PassBuffers {
  const pixels = patch.height * patch.width;
  const shared = (length: number) => new Float32Array(new SharedArrayBuffer(length * Float32Array.BYTES_PER_ELEMENT));
  return { input: shared(method.normalisation.length * pixels), output: shared(classes * pixels) };
}
