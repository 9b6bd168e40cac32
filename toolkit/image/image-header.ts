import { readTiffDirectories } from './tiff-directory.ts';

/** Header of an image file, parsed from its bytes and not by the image library. */
export interface ImageHeader {
  readonly format: 'PNG' | 'JPEG' | 'TIFF';
  /** px */
  readonly width: number;
  /** px */
  readonly height: number;
  readonly colours: 'grey' | 'RGB' | 'palette';
  /** Bits per sample: 8 or 16, in PNG also 1, 2 and 4. */
  readonly bits: number;
  /** A channel in addition to the colours. */
  readonly extra: 'none' | 'alpha' | 'unspecified channel';
  /** Number of channels, including additional ones; for a palette, that of its colours. */
  readonly channels: number;
  /** Why the image cannot be read as grey or RGB, if it can be read channel by channel. */
  readonly onlyChannels?: Obstacle;
  /** Whether 0 means white. */
  readonly isInverted: boolean;
  readonly hasProfile: boolean;
  /** EXIF and TIFF tag 274; 1 if the image is to be shown as it is stored. */
  readonly orientation: number;
  /** Sizes of the pages or frames in file order. Only the first is read. */
  readonly pages: readonly PageSize[];
}

/** Returns whether this number of channels is read as stored. One and three are read as grey and RGB. */
export function areAsStored(channels: number): boolean {
  return channels !== 1 && channels !== 3;
}

/** A page of a TIFF, or a frame of a PNG. */
export interface PageSize {
  readonly width: number;
  readonly height: number;
  /** Whether it is marked as a smaller version of another page. */
  readonly isLevel: boolean;
}

/** Why an image is refused, and what the user can do. */
export interface Obstacle {
  /** Completes "The image ... cannot be read: ". */
  readonly reason: string;
  readonly remedy: string;
}

/** The header of a supported image, or the reason why the file is refused. */
export type ReadHeader = { readonly header: ImageHeader } | { readonly obstacle: Obstacle };

export function refused(reason: string, remedy: string): ReadHeader {
  return { obstacle: { reason, remedy } };
}

/** Remedies; `magick` is ImageMagick 7. */
export const REMEDIES = {
  recompress: 'Convert it with `magick IMAGE -compress lzw OUT.tif`, or save it as PNG in Fiji or QuPath.',
  colours: 'Convert it with `magick IMAGE -colorspace sRGB -depth 8 OUT.png`.',
  range:
    'Choose the values of black and white, and convert it to 8-bit RGB or grey: in Fiji, Image > Adjust > ' +
    'Brightness/Contrast, then Image > Type > 8-bit, then save it as PNG.',
  bands: 'Save the three colour channels as an RGB image: in Fiji, Image > Type > RGB Color.',
  alpha: 'Convert it with `magick IMAGE -background white -alpha remove -alpha off OUT.png`.',
  depth: 'Convert it with `magick IMAGE -depth 8 OUT.png`.',
} as const;

const ORIENTATION = 274;

/**
 * Reads the orientation of an EXIF block, which is a TIFF without pixels.
 *
 * @returns 1 (as stored) to 8; 1 if it is not stated.
 */
export async function exifOrientation(block: Buffer): Promise<number> {
  const source = { read: async (offset: number, length: number) => block.subarray(offset, offset + length) };
  const pages = await readTiffDirectories(source, new Set([ORIENTATION]));
  const value = pages?.[0]?.get(ORIENTATION)?.[0] ?? 1;
  return value >= 1 && value <= 8 ? value : 1;
}
