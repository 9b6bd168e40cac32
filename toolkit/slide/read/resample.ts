import sharp from 'sharp';

/** Reads a part of the source image: height x width x 3 uint8. */
export type ReadPixels = (left: number, top: number, width: number, height: number) => Promise<Uint8Array>;

/** How an image is resampled. */
export interface Resampling {
  /** Source px per px of the result. */
  readonly factor: number;
  /** Size of the source, px. */
  readonly source: { readonly width: number; readonly height: number };
  /** Size of the result, px. */
  readonly result: { readonly width: number; readonly height: number };
}

interface Part {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** Half-width of the Lanczos kernel, in px of the result. */
const LOBES = 3;
/** px of the result that are computed around a part, so that its borders match the resampled whole image. */
const MARGIN = 8;

/**
 * Computes a part of a resampled image (Lanczos, three lobes). The pixels do not depend on which part is requested: they
 * are those of the whole image resampled at once. With a whole factor, they are bit-identical to `resize` of sharp.
 *
 * @param part - px of the result. Must be within it.
 * @returns part.height x part.width x 3 uint8.
 */
export async function resampledPart(read: ReadPixels, resampling: Resampling, part: Part): Promise<Uint8Array> {
  const { factor } = resampling;
  if (factor === 1) return read(part.left, part.top, part.width, part.height);
  return Number.isInteger(factor) ? byWholeFactor(read, resampling, part) : byLanczos(read, resampling, part);
}

async function byWholeFactor(read: ReadPixels, { factor, result }: Resampling, part: Part): Promise<Uint8Array> {
  const left = Math.max(0, part.left - MARGIN);
  const top = Math.max(0, part.top - MARGIN);
  const width = Math.min(result.width, part.left + part.width + MARGIN) - left;
  const height = Math.min(result.height, part.top + part.height + MARGIN) - top;
  const pixels = await read(left * factor, top * factor, width * factor, height * factor);
  const raw = { width: width * factor, height: height * factor, channels: 3 } as const;
  const { data } = await sharp(pixels, { raw, limitInputPixels: false })
    .resize({ width, height, fit: 'fill', kernel: 'lanczos3' })
    .raw()
    .toBuffer({ resolveWithObject: true });
  const out = new Uint8Array(part.width * part.height * 3);
  for (let y = 0; y < part.height; y++) {
    const from = 3 * ((y + part.top - top) * width + part.left - left);
    out.set(data.subarray(from, from + 3 * part.width), 3 * y * part.width);
  }
  return out;
}

async function byLanczos(read: ReadPixels, { factor, source }: Resampling, part: Part): Promise<Uint8Array> {
  const across = Array.from({ length: part.width }, (_, x) => taps(part.left + x, factor, source.width));
  const down = Array.from({ length: part.height }, (_, y) => taps(part.top + y, factor, source.height));
  const [left, right] = rangeOf(across);
  const [top, bottom] = rangeOf(down);
  const pixels = await read(left, top, right - left, bottom - top);
  const rows = new Float32Array((bottom - top) * part.width * 3);
  for (let y = 0, to = 0; y < bottom - top; y++) {
    for (const { first, weights } of across) {
      const from = 3 * (y * (right - left) + first - left);
      for (let channel = 0; channel < 3; channel++, to++) {
        let sum = 0;
        for (let k = 0; k < weights.length; k++) sum += (weights[k] ?? 0) * (pixels[from + 3 * k + channel] ?? 0);
        rows[to] = sum;
      }
    }
  }
  const out = new Uint8ClampedArray(part.height * part.width * 3);
  const stride = 3 * part.width;
  for (const [y, { first, weights }] of down.entries()) {
    for (let x = 0; x < stride; x++) {
      let sum = 0;
      for (let k = 0; k < weights.length; k++) sum += (weights[k] ?? 0) * (rows[(first - top + k) * stride + x] ?? 0);
      out[y * stride + x] = sum;
    }
  }
  return new Uint8Array(out.buffer);
}

interface Taps {
  /** First source px with a weight. */
  readonly first: number;
  /** Weights of this and the following px; they add up to 1. */
  readonly weights: Float64Array;
}

/** Returns the weights of the source px for one px of the result. At the border, px outside the source are left out. */
function taps(at: number, factor: number, length: number): Taps {
  const scale = Math.max(1, factor);
  const centre = (at + 0.5) * factor - 0.5;
  const first = Math.min(length - 1, Math.max(0, Math.ceil(centre - LOBES * scale)));
  const last = Math.max(first, Math.min(length - 1, Math.floor(centre + LOBES * scale)));
  const weights = Float64Array.from({ length: last - first + 1 }, (_, k) => lanczos((first + k - centre) / scale));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return { first, weights: weights.map((weight) => weight / sum) };
}

function lanczos(x: number): number {
  if (x === 0) return 1;
  if (Math.abs(x) >= LOBES) return 0;
  const angle = Math.PI * x;
  return (LOBES * Math.sin(angle) * Math.sin(angle / LOBES)) / (angle * angle);
}

function rangeOf(all: readonly Taps[]): readonly [number, number] {
  const first = Math.min(...all.map((each) => each.first));
  const end = Math.max(...all.map((each) => each.first + each.weights.length));
  return [first, end];
}
