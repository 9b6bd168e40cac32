import { ReigniteError } from '../../errors.ts';
import { shellWord } from '../../format.ts';
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

/** Creates the error IMAGE_UNREADABLE for a slide, with a remedy. */
export function slideUnreadable(path: string, reason: string, remedy: string, cause?: unknown): ReigniteError {
  return new ReigniteError('IMAGE_UNREADABLE', `The slide ${path} cannot be read: ${reason}.`, {
    remedy: remedy.replaceAll('SLIDE', () => shellWord(path)),
    ...(cause !== undefined && { cause }),
  });
}

/** Remedies. `vips` is libvips 8.10 or later with OpenSlide; `bfconvert` is from Bio-Formats 6 or later. */
export const REMEDIES = {
  openslide:
    'Convert it with `vips tiffsave SLIDE OUT.tif --tile --pyramid --bigtiff --compression jpeg --Q 90` (libvips with ' +
    'OpenSlide), or in QuPath: File > Export images > OME TIFF; then give `--mpp` if the new file has no pixel size. Or name ' +
    'the library file of OpenSlide with `--openslide`.',
  bioFormats:
    'Convert it with `bfconvert -tilex 512 -tiley 512 -compression JPEG SLIDE OUT.ome.tif` (Bio-Formats), or in ' +
    'QuPath: File > Export images > OME TIFF.',
  recompress:
    'Convert it with `vips tiffsave SLIDE OUT.tif --tile --pyramid --bigtiff --compression deflate`, or in QuPath: ' +
    'File > Export images > OME TIFF.',
  colours:
    'Convert it to RGB with `vips colourspace SLIDE "OUT.tif[tile,pyramid,bigtiff,compression=deflate]" srgb`; then give ' +
    '`--mpp` if the new file has no pixel size.',
  channels: 'Use a bright-field slide of stained tissue in RGB: the models do not support fluorescence.',
  scanner: "Export it as SVS or pyramidal TIFF with the scanner's software.",
  gitLfs: 'Run `git lfs pull` in its repository.',
  webPage: 'Download the slide again: a web page was saved in its place.',
  damaged: 'Open it in QuPath; if it is damaged there too, copy or download it again.',
} as const;
