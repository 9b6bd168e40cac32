import type { StatedResolution } from './slide-resolution.ts';

/** One size of a slide. */
export interface SourceLevel {
  /** px */
  readonly width: number;
  /** px */
  readonly height: number;
  /** Pixels of the largest level per pixel of this one. */
  readonly downsample: number;
}

/** What reads the pixels of a slide. */
export interface SlideSource {
  /** The largest first. */
  readonly levels: readonly SourceLevel[];
  readonly scale: StatedResolution;
  /** Bits of a sample as it is stored; 16-bit samples are read by their high byte. */
  readonly bits: number;
  /** Who wrote it, as far as it is known: Aperio, OME-TIFF, or a TIFF of no known kind. */
  readonly vendor: string;
  /** Pictures of the file that are not levels. */
  readonly otherPictures: number;
  /** Notes on the file, one sentence each. */
  readonly notes: readonly string[];
  /** Of a slide of several files: what distinguishes it from others, besides the file that was named. */
  readonly fingerprint: string | undefined;
  /**
   * Reads a part of a level as RGB. What lies outside, and what the file leaves out, is white.
   *
   * @param left - First column, px of the level; may be negative.
   * @param top - First row, px of the level; may be negative.
   * @returns height x width x 3 uint8.
   * @throws ReigniteError IMAGE_UNREADABLE for a damaged tile.
   */
  readRegion(level: number, left: number, top: number, width: number, height: number): Promise<Uint8Array>;
  close(): Promise<void>;
}
