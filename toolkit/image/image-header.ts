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
  /** Whether a TIFF is compressed with JPEG. */
  readonly isLossy?: true;
  readonly hasProfile: boolean;
  /** EXIF and TIFF tag 274; 1 if the image is to be shown as it is stored. */
  readonly orientation: number;
  /** Sizes of the pages or frames in file order. Only the first is read. */
  readonly pages: readonly PageSize[];
}

/** Number of channels of a colour image. */
export const RGB = 3;

/** Returns whether this number of channels is read as stored. One and three are read as grey and RGB. */
export function areAsStored(channels: number): boolean {
  return channels !== 1 && channels !== RGB;
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

/** A file that is not PNG, JPEG or TIFF, named by its first bytes. */
interface OtherFormat {
  /** What it is, after "it is". */
  readonly what: string;
  /** Whether ImageMagick converts it. */
  readonly isConvertible: boolean;
}

/** Number of bytes that `otherFormatOf` needs. */
export const START_BYTES = 132;

/** The first bytes of image formats that neither this program nor its image library reads, with their names. */
const STARTS: readonly (readonly [number, string, string])[] = [
  [0, 'BM', 'a BMP image'],
  [0, '\0\0\0\x0cjP  ', 'a JPEG 2000 image'],
  [0, '\xff\x4f\xff\x51', 'a JPEG 2000 image'],
  [0, '\0\0\0\x0cJXL ', 'a JPEG XL image'],
  [0, '\xff\x0a', 'a JPEG XL image'],
  [4, 'ftyphei', 'a HEIC image'],
  [4, 'ftypavif', 'an AVIF image'],
  [4, 'ftypmif1', 'a HEIF image'],
  [0, '8BPS', 'a Photoshop document'],
  [0, 'v/1\x01', 'an OpenEXR image'],
  [128, 'DICM', 'a DICOM file'],
];
const NETPBM = /^P[1-7]\s/;
/** Control characters that text does not contain. */
const FIRST_PRINTABLE = 32;
const SPACES: ReadonlySet<number> = new Set([9, 10, 12, 13]);

/** Names the format of a file by its first bytes; undefined if they are not known. */
export function otherFormatOf(start: Uint8Array): OtherFormat | undefined {
  if (start.length === 0) return { what: 'empty (0 bytes)', isConvertible: false };
  const text = Buffer.from(start).toString('latin1');
  const [, , image] = STARTS.find(([at, bytes]) => text.startsWith(bytes, at)) ?? [];
  if (image !== undefined) return { what: image, isConvertible: true };
  if (NETPBM.test(text)) return { what: 'a Netpbm image (PBM, PGM, PPM)', isConvertible: true };
  const isText = start.every((byte) => byte >= FIRST_PRINTABLE || SPACES.has(byte));
  return isText ? { what: 'a text file (unsupported image format)', isConvertible: false } : undefined;
}
