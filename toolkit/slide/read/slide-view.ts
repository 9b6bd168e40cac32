import { ReigniteError } from '../../errors.ts';
import { RecentPixels } from './recent-pixels.ts';
import { type Resampling, resampledPart } from './resample.ts';
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
