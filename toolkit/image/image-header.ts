import { readTiffDirectories } from './tiff-directory.ts';

/** What an image file says of itself, read from its own bytes and not from a library's view of them. */
export interface ImageHeader {
  readonly format: 'PNG' | 'JPEG' | 'TIFF';
  /** px */
  readonly width: number;
  /** px */
  readonly height: number;
  readonly colours: 'grey' | 'RGB' | 'palette';
  /** Bits of a sample: 8 or 16, in PNG also 1, 2 and 4. */
  readonly bits: number;
  /** A channel in addition to the colours. */
  readonly extra: 'none' | 'alpha' | 'unspecified channel';
  /** Channels of a pixel, the additional ones included; of a palette, those of its colours. */
  readonly channels: number;
  /** Why it cannot be taken as grey or RGB, where it can be taken channel by channel. */
  readonly onlyChannels?: Obstacle;
  /** Whether 0 means white. */
  readonly isInverted: boolean;
  readonly hasProfile: boolean;
  /** EXIF and TIFF tag 274; 1 where the stored rows and columns are those that are to be seen. */
  readonly orientation: number;
  /** Sizes of the pages or frames in file order; the first is the one that is read. */
  readonly pages: readonly PageSize[];
}

/** Whether channels are taken as they are stored; one and three are those of grey and RGB. */
export function areAsStored(channels: number): boolean {
  return channels !== 1 && channels !== 3;
}

/** A page of a TIFF, or a frame of a PNG. */
export interface PageSize {
  readonly width: number;
  readonly height: number;
  /** Whether the file marks it as a smaller version of another page. */
  readonly isLevel: boolean;
}

/** Why an image is not taken, and what its owner can do. */
export interface Obstacle {
  /** Completes "The image ... cannot be read: ". */
  readonly reason: string;
  readonly remedy: string;
}

/** Either a header that is understood in full, or the reason why the file is refused. */
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
 * @returns 1 (as stored) to 8; 1 where the block does not say.
 */
export async function exifOrientation(block: Buffer): Promise<number> {
  const source = { read: async (offset: number, length: number) => block.subarray(offset, offset + length) };
  const pages = await readTiffDirectories(source, new Set([ORIENTATION]));
  const value = pages?.[0]?.get(ORIENTATION)?.[0] ?? 1;
  return value >= 1 && value <= 8 ? value : 1;
}
