import type { StatedResolution } from './slide-resolution.ts';

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
