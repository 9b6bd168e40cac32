import { closeSync, openSync, readSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { exifOrientation, type ImageHeader, type ReadHeader, refused } from './image-header.ts';
import type { ByteSource } from './tiff-directory.ts';

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const COLOUR_TYPE = { grey: 0, rgb: 2, palette: 3, greyAlpha: 4, rgbAlpha: 6 } as const;
const MAX_CHUNKS = 100_000;
const MAX_EXIF = 1 << 20;

/**
 * Reads the header of a PNG: its first chunk, and other chunks that affect how pixels are decoded.
 *
 * @returns Undefined if the file does not start like a PNG.
 * @see PNG (Third Edition), section 11
 */
export async function readPngHeader(source: ByteSource): Promise<ReadHeader | undefined> {
  const start = await source.read(0, 33);
  if (!start.subarray(0, SIGNATURE.length).equals(SIGNATURE)) return undefined;
  if (start.length < 33 || start.toString('latin1', 12, 16) !== 'IHDR') {
    return refused('its header is truncated', 'Download or export it again.');
  }
  const [width, height] = [start.readUInt32BE(16), start.readUInt32BE(20)];
  const [bits = 0, type = 0] = [start[24], start[25]];
  const more = await readChunks(source);
  const hasAlpha = type === COLOUR_TYPE.greyAlpha || type === COLOUR_TYPE.rgbAlpha || more.isTransparent;
  const colours = coloursOf(type);
  return {
    header: {
      format: 'PNG',
      width,
      height,
      colours,
      bits,
      extra: hasAlpha ? 'alpha' : 'none',
      channels: (colours === 'grey' ? 1 : 3) + (hasAlpha ? 1 : 0),
      isInverted: false,
      hasProfile: more.hasProfile,
      orientation: more.orientation,
      pages: Array.from({ length: more.frames }, () => ({ width, height, isLevel: false })),
    },
  };
}

function coloursOf(type: number): ImageHeader['colours'] {
  if (type === COLOUR_TYPE.palette) return 'palette';
  return type === COLOUR_TYPE.rgb || type === COLOUR_TYPE.rgbAlpha ? 'RGB' : 'grey';
}

/** Reads the chunks after the first and skips the pixels. */
async function readChunks(source: ByteSource) {
  let [isTransparent, hasProfile, orientation, frames] = [false, false, 1, 1];
  let at = 33;
  for (let chunk = 0; chunk < MAX_CHUNKS; chunk++) {
    const head = await source.read(at, 8);
    if (head.length < 8) break;
    const [length, type] = [head.readUInt32BE(0), head.toString('latin1', 4, 8)];
    if (type === 'IEND') break;
    if (type === 'tRNS') isTransparent = true;
    if (type === 'iCCP') hasProfile = true;
    if (type === 'acTL') {
      const body = await source.read(at + 8, 4);
      if (body.length === 4) frames = Math.min(MAX_CHUNKS, Math.max(1, body.readUInt32BE(0)));
    }
    if (type === 'eXIf') orientation = await exifOrientation(await source.read(at + 8, Math.min(length, MAX_EXIF)));
    at += 12 + length;
  }
  return { isTransparent, hasProfile, orientation, frames };
}

/** Contents of the first chunk of a PNG. */
export interface PngStart {
  readonly width: number;
  readonly height: number;
  /** Bits per sample: 1, 2, 4, 8 or 16. */
  readonly depth: number;
  readonly colour: 'grey' | 'RGB' | 'palette' | 'grey with alpha' | 'RGBA';
}

/** Bytes from the start of a PNG to the end of its first chunk. */
export const PNG_START_BYTES = 33;

const TYPE_AT = 12;
const CRC_AT = 29;
const COLOURS: Readonly<Record<number, PngStart['colour']>> = {
  0: 'grey',
  2: 'RGB',
  3: 'palette',
  4: 'grey with alpha',
  6: 'RGBA',
};

/**
 * Parses the first chunk of a PNG. For the other chunks, see `readPngHeader`.
 *
 * @param bytes - At least the first 33 bytes of the file.
 * @returns Undefined if it is not a PNG or its first chunk is damaged.
 * @see PNG (Third Edition), section 11.2.1
 */
export function parsePngStart(bytes: Buffer): PngStart | undefined {
  if (bytes.length < PNG_START_BYTES || !bytes.subarray(0, SIGNATURE.length).equals(SIGNATURE)) return undefined;
  if (bytes.toString('latin1', TYPE_AT, TYPE_AT + 4) !== 'IHDR') return undefined;
  if (crc32(bytes.subarray(TYPE_AT, CRC_AT)) !== bytes.readUInt32BE(CRC_AT)) return undefined;
  const [width, height, depth] = [bytes.readUInt32BE(16), bytes.readUInt32BE(20), bytes.readUInt8(24)];
  const colour = COLOURS[bytes.readUInt8(25)];
  return width > 0 && height > 0 && colour !== undefined ? { width, height, depth, colour } : undefined;
}

/**
 * Reads the width and height of a PNG in px from its first 33 bytes. This is five times as fast as opening the image, which
 * matters for thousands of files.
 *
 * @returns Undefined if the file cannot be read, is not a PNG, or its first chunk is damaged.
 */
export function pngSize(path: string): { readonly width: number; readonly height: number } | undefined {
  const start = readPngStart(path);
  return start && { width: start.width, height: start.height };
}

/** Returns whether a file is a palette PNG; false if it cannot be read. */
export function isPalettePng(path: string): boolean {
  return readPngStart(path)?.colour === 'palette';
}

/** Reads the first chunk of a PNG file; undefined if it is not a PNG or cannot be read. */
export function readPngStart(path: string): PngStart | undefined {
  const bytes = firstBytes(path, PNG_START_BYTES);
  return bytes && parsePngStart(bytes);
}

function firstBytes(path: string, length: number): Buffer | undefined {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(path, 'r');
    const bytes = Buffer.alloc(length);
    return readSync(descriptor, bytes, 0, length, 0) === length ? bytes : undefined;
  } catch {
    return undefined;
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}
