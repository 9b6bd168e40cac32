/** A file that is not PNG, JPEG or TIFF, named by its first bytes. */
export interface OtherFormat {
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
