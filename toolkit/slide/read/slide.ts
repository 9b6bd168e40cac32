import { existsSync } from 'node:fs';
import { ReigniteError } from '../../errors.ts';
import type { DecodedImage } from '../../image/accepted-image.ts';
import { OpenSlideSource, openSlidePath } from './openslide.ts';
import type { StatedResolution } from './slide-resolution.ts';
import { TiffSlide } from './tiff-slide.ts';

/** One level of a slide. */
export interface SourceLevel {
  /** px */
  readonly width: number;
  /** px */
  readonly height: number;
  /** Pixels of the largest level per pixel of this one. */
  readonly downsample: number;
}

/** Reader of the pixels of a slide. */
export interface SlideSource {
  /** The largest first. */
  readonly levels: readonly SourceLevel[];
  readonly scale: StatedResolution;
  /** Bits per stored sample. Of 16-bit samples, only the high byte is read. */
  readonly bits: number;
  /** Vendor or kind of file, if known: for example Aperio or OME-TIFF, else TIFF. */
  readonly vendor: string;
  /** Number of images in the file that are not levels. */
  readonly otherPictures: number;
  /** Notes on the file, one sentence each. */
  readonly notes: readonly string[];
  /** Identifies the contents of a slide that consists of several files, of which only one was named. */
  readonly fingerprint: string | undefined;
  /**
   * Reads a part of a level as RGB. Pixels outside the level, and tiles that the file leaves out, are white.
   *
   * @param left - First column, px of the level; may be negative.
   * @param top - First row, px of the level; may be negative.
   * @returns height x width x 3 uint8.
   * @throws ReigniteError IMAGE_UNREADABLE for a damaged tile.
   */
  readRegion(level: number, left: number, top: number, width: number, height: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** A whole-slide image with several levels. Parts are read without decoding the rest. */
export class Slide {
  readonly path: string;
  readonly #source: SlideSource;

  private constructor(path: string, source: SlideSource) {
    this.path = path;
    this.#source = source;
  }

  /**
   * Opens a slide: reads its directories and checks that its pixels can be decoded. Files that are not supported TIFFs are
   * read with OpenSlide if the user named its library.
   *
   * @throws ReigniteError FILE_MISSING; IMAGE_UNREADABLE with the reason, and a command that converts it.
   */
  static async open(path: string): Promise<Slide> {
    try {
      return new Slide(path, await TiffSlide.open(path));
    } catch (error) {
      const library = openSlidePath();
      const mayBeRead = error instanceof ReigniteError && error.code === 'IMAGE_UNREADABLE' && existsSync(path);
      if (library === undefined || !mayBeRead) throw error;
      const source = await OpenSlideSource.open(path, library);
      if (source === undefined) throw error;
      return new Slide(path, source);
    }
  }

  /** The largest first. */
  get levels(): SlideSource['levels'] {
    return this.#source.levels;
  }

  get scale(): SlideSource['scale'] {
    return this.#source.scale;
  }

  /** Bits per stored sample. */
  get bits(): number {
    return this.#source.bits;
  }

  /** Vendor or kind of file, if known. */
  get vendor(): string {
    return this.#source.vendor;
  }

  /** Number of images in the file that are not levels. */
  get otherPictures(): number {
    return this.#source.otherPictures;
  }

  /** Notes on the file, one sentence each. */
  get notes(): readonly string[] {
    return this.#source.notes;
  }

  /** Identifies the contents of a slide that consists of several files, of which only one was named. */
  get fingerprint(): string | undefined {
    return this.#source.fingerprint;
  }

  /** px of the largest level. */
  get width(): number {
    return this.levels[0]?.width ?? 0;
  }

  /** px of the largest level. */
  get height(): number {
    return this.levels[0]?.height ?? 0;
  }

  /** Reads a part of a level, see `SlideSource`. */
  readRegion(level: number, left: number, top: number, width: number, height: number): Promise<Uint8Array> {
    return this.#source.readRegion(level, left, top, width, height);
  }

  close(): Promise<void> {
    return this.#source.close();
  }
}

/** Mean colours of the blocks of a slide. */
export interface BlockMeans {
  /** Blocks across. */
  readonly width: number;
  /** Blocks down. */
  readonly height: number;
  /** height x width x 3, 0..255. */
  readonly colours: Float32Array;
}

/** A block should have at least this many px of the level in each direction, so that its mean is a real average. */
const FEWEST_PX = 2;
/** Approximate number of rows of the level that are read at once. */
const ROWS_AT_ONCE = 256;

/**
 * Averages a slide in square blocks, from the coarsest level that is fine enough. Memory is bounded by the slide's width.
 *
 * @param block - Side of a block, px of the largest level. Need not be an integer.
 * @param onRow - Called with the number of finished rows of blocks.
 * @throws ReigniteError IMAGE_UNREADABLE for a damaged tile; what `onRow` throws.
 */
export async function blockMeans(
  slide: Slide,
  block: number,
  size: { readonly width: number; readonly height: number },
  onRow: (done: number, of: number) => void = () => undefined,
): Promise<BlockMeans> {
  const { width, height } = size;
  const fine = slide.levels.findLastIndex(({ downsample }) => downsample * FEWEST_PX <= block);
  const level = Math.max(0, fine);
  const of = slide.levels[level];
  if (of === undefined) throw new RangeError('Expected a slide with a level');
  const step = block / of.downsample;
  const columns = Array.from({ length: width + 1 }, (_, x) => Math.min(of.width, Math.floor(x * step)));
  const rowsAtOnce = Math.max(1, Math.floor(ROWS_AT_ONCE / step));
  const colours = new Float32Array(width * height * 3);
  for (let first = 0; first < height; first += rowsAtOnce) {
    const end = Math.min(height, first + rowsAtOnce);
    const top = Math.min(of.height - 1, Math.floor(first * step));
    const bottom = Math.max(top + 1, Math.min(of.height, Math.floor(end * step)));
    const pixels = await slide.readRegion(level, 0, top, of.width, bottom - top);
    for (let row = first; row < end; row++) {
      const from = Math.min(bottom - 1, Math.max(top, Math.floor(row * step)));
      const to = Math.max(from + 1, Math.min(bottom, Math.floor((row + 1) * step)));
      const rows = pixels.subarray(3 * (from - top) * of.width, 3 * (to - top) * of.width);
      averageRow(rows, of.width, columns, colours.subarray(3 * row * width, 3 * (row + 1) * width));
    }
    onRow(end, height);
  }
  return { width, height, colours };
}

function averageRow(rows: Uint8Array, width: number, columns: readonly number[], means: Float32Array): void {
  const height = rows.length / (3 * width);
  for (let block = 0; block + 1 < columns.length; block++) {
    const from = Math.min(width - 1, columns[block] ?? 0);
    const to = Math.max(from + 1, columns[block + 1] ?? 0);
    let [red, green, blue] = [0, 0, 0];
    for (let y = 0; y < height; y++) {
      for (let at = 3 * (y * width + from), end = 3 * (y * width + to); at < end; at += 3) {
        red += rows[at] ?? 0;
        green += rows[at + 1] ?? 0;
        blue += rows[at + 2] ?? 0;
      }
    }
    const count = height * (to - from);
    means.set([red / count, green / count, blue / count], 3 * block);
  }
}

/** Longest side of a level that is used unchanged, px. */
const MAX_SIDE = 2_560;
/** Longest side of the overview if no level is small enough, px. */
const MADE_SIDE = 2_048;

/** Makes a small image of a whole slide, for display and for colour measurements. */
export async function slideOverview(slide: Slide): Promise<DecodedImage> {
  const level = slide.levels.findIndex(({ width, height }) => Math.max(width, height) <= MAX_SIDE);
  const of = slide.levels[level];
  if (of !== undefined) {
    const data = await slide.readRegion(level, 0, 0, of.width, of.height);
    return { width: of.width, height: of.height, data };
  }
  const block = Math.max(slide.width, slide.height) / MADE_SIDE;
  const size = { width: Math.ceil(slide.width / block), height: Math.ceil(slide.height / block) };
  const { colours } = await blockMeans(slide, block, size);
  return { ...size, data: Uint8Array.from(colours) };
}
