import { existsSync } from 'node:fs';
import { ReigniteError } from '../../errors.ts';
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
