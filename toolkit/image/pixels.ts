import { roundHalfEven } from '../numpy.ts';
import { RGB } from './image-header.ts';

/** Pixels of an image, row by row. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  /** Bytes per pixel. Default: 3. */
  readonly channels?: number;
  readonly data: Uint8Array;
}

/** Fixed-point weight of 1, as in OpenCV. */
const ONE = 2048;

/** For each position along an axis of the result: the two source positions around it, and their weights. */
interface Taps {
  readonly first: Int32Array;
  readonly second: Int32Array;
  readonly weights: Int32Array;
}

/**
 * Resizes an image with bilinear interpolation, bit-identical to OpenCV's `resize` with INTER_LINEAR for 8-bit pixels: in
 * fixed point and without antialiasing. Halving both sides exactly averages 2 x 2 px.
 *
 * @see modules/imgproc/src/resize.cpp of OpenCV 4 and 5
 */
export function resizeBilinear(image: Pixels, { width, height }: Pick<Pixels, 'width' | 'height'>): Pixels {
  if (image.width === width && image.height === height) return image;
  if (image.width === 2 * width && image.height === 2 * height) return halved(image);
  const { channels = RGB } = image;
  const columns = taps(image.width, width, true);
  const rows = taps(image.height, height, false);
  const data = new Uint8Array(width * height * channels);
  const cache = new RowCache(image, columns, width);
  for (let y = 0, to = 0; y < height; y++) {
    const upper = cache.row(rows.first[y] ?? 0);
    const lower = cache.row(rows.second[y] ?? 0);
    const [above, below] = [rows.weights[2 * y] ?? 0, rows.weights[2 * y + 1] ?? 0];
    for (let at = 0; at < channels * width; at++) {
      const sum = ((above * ((upper[at] ?? 0) >> 4)) >> 16) + ((below * ((lower[at] ?? 0) >> 4)) >> 16);
      data[to++] = (sum + 2) >> 2;
    }
  }
  return { width, height, channels, data };
}

/** Caches source rows resized to the new width, in fixed point, because each is used for several rows of the result. */
class RowCache {
  readonly #image: Pixels;
  readonly #columns: Taps;
  readonly #width: number;
  readonly #rows = new Map<number, Int32Array>();

  constructor(image: Pixels, columns: Taps, width: number) {
    this.#image = image;
    this.#columns = columns;
    this.#width = width;
  }

  row(y: number): Int32Array {
    const known = this.#rows.get(y);
    if (known !== undefined) return known;
    for (const old of this.#rows.keys()) if (old < y - 1) this.#rows.delete(old);
    const made = this.#make(y);
    this.#rows.set(y, made);
    return made;
  }

  #make(y: number): Int32Array {
    const { data, width, channels = RGB } = this.#image;
    const { first, second, weights } = this.#columns;
    const row = new Int32Array(channels * this.#width);
    for (let x = 0, to = 0; x < this.#width; x++) {
      const left = channels * (y * width + (first[x] ?? 0));
      const right = channels * (y * width + (second[x] ?? 0));
      const [a, b] = [weights[2 * x] ?? 0, weights[2 * x + 1] ?? 0];
      for (let channel = 0; channel < channels; channel++) {
        row[to++] = (data[left + channel] ?? 0) * a + (data[right + channel] ?? 0) * b;
      }
    }
    return row;
  }
}

/** @param isClamped - Beyond the border, give the border pixel the full weight (columns) instead of using it twice (rows). */
function taps(from: number, to: number, isClamped: boolean): Taps {
  const scale = from / to;
  const result = { first: new Int32Array(to), second: new Int32Array(to), weights: new Int32Array(2 * to) };
  for (let place = 0; place < to; place++) {
    let at = Math.fround((place + 0.5) * scale - 0.5);
    let first = Math.floor(at);
    at = Math.fround(at - first);
    if (isClamped && first < 0) [first, at] = [0, 0];
    if (isClamped && first >= from - 1) [first, at] = [from - 1, 0];
    result.first[place] = Math.max(first, 0);
    result.second[place] = Math.min(first + 1, from - 1);
    result.weights[2 * place] = roundHalfEven(Math.fround(Math.fround(1 - at) * ONE));
    result.weights[2 * place + 1] = roundHalfEven(Math.fround(at * ONE));
  }
  return result;
}

function halved({ data, width, height, channels = RGB }: Pixels): Pixels {
  const [columns, rows] = [width / 2, height / 2];
  const result = new Uint8Array(columns * rows * channels);
  for (let y = 0, to = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      for (let channel = 0; channel < channels; channel++) {
        const at = channels * (2 * y * width + 2 * x) + channel;
        const below = at + channels * width;
        const sum = (data[at] ?? 0) + (data[at + channels] ?? 0) + (data[below] ?? 0) + (data[below + channels] ?? 0);
        result[to++] = (sum + 2) >> 2;
      }
    }
  }
  return { width: columns, height: rows, channels, data: result };
}

/** Weights of red, green and blue in the luma of Rec. 601, in 65536ths, as in Pillow. */
const [RED, GREEN, BLUE] = [19_595, 38_470, 7_471] as const;

/** Computes the luma of a colour, 0 to 255, rounded like Pillow's `convert('L')`. For grey, it is the grey value. */
export function lumaOf(red: number, green: number, blue: number): number {
  return Math.floor((red * RED + green * GREEN + blue * BLUE + 0x8000) / 0x10000);
}

/**
 * Replaces every colour with its luma, in place.
 *
 * @param rgb - pixels x 3 uint8.
 */
export function turnIntoLuma(rgb: Uint8Array): void {
  for (let at = 0; at < rgb.length; at += 3) {
    rgb.fill(lumaOf(rgb[at] ?? 0, rgb[at + 1] ?? 0, rgb[at + 2] ?? 0), at, at + 3);
  }
}
