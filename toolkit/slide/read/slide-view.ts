import sharp from 'sharp';
import { ReigniteError } from '../../errors.ts';
import { RecentPixels } from './recent-pixels.ts';
import type { Slide } from './slide.ts';

/** The user's choice of the resolution at which a network sees a slide. */
export interface ViewChoice {
  /** µm per px of the largest level; overrides the file. */
  readonly mpp?: number;
  /** A level to use without resampling. */
  readonly level?: number;
}

/** Relative difference from the pixel size that the model expects, up to which a level is used without resampling. */
const NEAR = 0.05;
/** Side of a cached block, px. */
const BLOCK = 512;
/** Size of the cache: enough for the tile row that all folds predict in turn, of a slide 40,000 px wide. */
const BLOCK_BYTES = 256 * 2 ** 20;

/** A slide at one resolution: one of its levels, resampled if necessary. */
export class SlideView {
  readonly slide: Slide;
  readonly level: number;
  /** px */
  readonly width: number;
  /** px */
  readonly height: number;
  /** px of the largest level per px of the view. */
  readonly scale: number;
  /** µm per px, if known. */
  readonly mpp: number | undefined;
  readonly #resampling: Resampling;
  readonly #blocks = new RecentPixels<{ readonly data: Uint8Array }>(BLOCK_BYTES);

  private constructor(slide: Slide, level: number, factor: number, baseMpp: number | undefined) {
    const of = slide.levels[level];
    if (of === undefined) throw new RangeError(`Expected a level below ${slide.levels.length}, got ${level}`);
    this.slide = slide;
    this.level = level;
    this.width = Math.max(1, Math.floor(of.width / factor + 1e-6));
    this.height = Math.max(1, Math.floor(of.height / factor + 1e-6));
    this.scale = of.downsample * factor;
    this.mpp = baseMpp === undefined ? undefined : baseMpp * this.scale;
    this.#resampling = {
      factor,
      source: { width: of.width, height: of.height },
      result: { width: this.width, height: this.height },
    };
  }

  /** px of the level per px of the view; 1 if the level is not resampled. */
  get factor(): number {
    return this.#resampling.factor;
  }

  /**
   * Chooses the level for a pixel size: one that is close enough, else the next finer one, resampled.
   *
   * @param target - µm per px that the model expects.
   * @throws ReigniteError SCALE_UNKNOWN if neither the file nor the user states the pixel size; USAGE for a level that does
   *   not exist.
   */
  static choose(slide: Slide, { mpp, level }: ViewChoice, target: number): SlideView {
    const baseMpp = mpp ?? slide.scale.resolution?.mpp;
    if (level !== undefined) {
      if (level < slide.levels.length) return new SlideView(slide, level, 1, baseMpp);
      throw new ReigniteError('USAGE', `${slide.path} has no level ${level}: it has ${levelsText(slide)}.`, {
        remedy: 'Name one of them with `--level`, or leave it out.',
      });
    }
    if (baseMpp === undefined) throw scaleUnknown(slide);
    const wanted = slide.levels.map(({ downsample }) => target / (baseMpp * downsample));
    const near = wanted.findIndex((factor) => Math.abs(factor - 1) <= NEAR);
    if (near >= 0) return new SlideView(slide, near, 1, baseMpp);
    const finer = Math.max(
      0,
      wanted.findLastIndex((factor) => factor > 1),
    );
    const factor = wanted[finer] ?? 1;
    const whole = Math.max(1, Math.round(factor));
    const isWhole = factor > 1 && Math.abs(factor / whole - 1) <= NEAR;
    return new SlideView(slide, finer, isWhole ? whole : factor, baseMpp);
  }

  /**
   * Reads a part as RGB. Pixels outside the slide are white.
   *
   * @returns height x width x 3 uint8.
   * @throws ReigniteError IMAGE_UNREADABLE for a damaged tile of the file.
   */
  async read(left: number, top: number, width: number, height: number): Promise<Uint8Array> {
    const out = new Uint8Array(width * height * 3).fill(255);
    const reading: Promise<void>[] = [];
    const [right, bottom] = [Math.min(left + width, this.width), Math.min(top + height, this.height)];
    for (let y = Math.floor(Math.max(0, top) / BLOCK) * BLOCK; y < bottom; y += BLOCK) {
      for (let x = Math.floor(Math.max(0, left) / BLOCK) * BLOCK; x < right; x += BLOCK) {
        const block = {
          left: x,
          top: y,
          width: Math.min(BLOCK, this.width - x),
          height: Math.min(BLOCK, this.height - y),
        };
        reading.push(
          this.#block(block).then(({ data }) => {
            const from = Math.max(left, x);
            const to = Math.min(right, x + block.width);
            for (let row = Math.max(top, y); row < Math.min(bottom, y + block.height); row++) {
              const start = (row - y) * block.width - x;
              out.set(data.subarray(3 * (start + from), 3 * (start + to)), 3 * ((row - top) * width + from - left));
            }
          }),
        );
      }
    }
    const ended = await Promise.allSettled(reading);
    for (const each of ended) if (each.status === 'rejected') throw each.reason;
    return out;
  }

  #block(part: Parameters<typeof resampledPart>[2]): Promise<{ readonly data: Uint8Array }> {
    const { slide, level } = this;
    return this.#blocks.get(`${part.left},${part.top}`, async () => ({
      data: await resampledPart((...region) => slide.readRegion(level, ...region), this.#resampling, part),
    }));
  }
}

function scaleUnknown(slide: Slide): ReigniteError {
  const { power, notes } = slide.scale;
  const objective =
    power === undefined ? '' : ` It names an objective of ${power}x, which does not say how large a pixel is.`;
  const disbelieved = notes.map((note) => ` ${note}`).join('');
  return new ReigniteError(
    'SCALE_UNKNOWN',
    `The slide ${slide.path} does not state its pixel size.${disbelieved}${objective}`,
  );
}

/** Lists the levels of a slide for a message. */
function levelsText({ levels }: Slide): string {
  return levels.map(({ width, height }, level) => `${level} (${width} x ${height} px)`).join(', ');
}

/** Reads a part of the source image: height x width x 3 uint8. */
type ReadPixels = (left: number, top: number, width: number, height: number) => Promise<Uint8Array>;

/** How an image is resampled. */
interface Resampling {
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
async function resampledPart(read: ReadPixels, resampling: Resampling, part: Part): Promise<Uint8Array> {
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
