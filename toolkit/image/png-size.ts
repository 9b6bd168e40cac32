import { closeSync, openSync, readSync } from 'node:fs';
import { crc32 } from 'node:zlib';

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
/** Of the header chunk behind the signature: length (4 bytes), type and content (17), CRC-32 of these (4). */
const TYPE_AT = 12;
const COLOUR_TYPE_AT = 25;
const CRC_AT = 29;
const HEADER_BYTES = 33;
const INDEXED = 3;

/**
 * Width and height of a PNG in px from its first 33 bytes: a fifth of the time that opening it as an image takes, which
 * counts where there are very many.
 *
 * @returns Undefined for what is no PNG with a sound header, or cannot be read.
 */
export function pngSize(path: string): { readonly width: number; readonly height: number } | undefined {
  const header = soundHeader(path);
  if (header === undefined) return undefined;
  const [width, height] = [header.readUInt32BE(TYPE_AT + 4), header.readUInt32BE(TYPE_AT + 8)];
  return width > 0 && height > 0 ? { width, height } : undefined;
}

/** Whether a file is a PNG whose pixels are indices into a palette; false for what cannot be read. */
export function isPalettePng(path: string): boolean {
  return soundHeader(path)?.[COLOUR_TYPE_AT] === INDEXED;
}

function soundHeader(path: string): Buffer | undefined {
  const header = firstBytes(path, HEADER_BYTES);
  if (header === undefined || !header.subarray(0, SIGNATURE.length).equals(SIGNATURE)) return undefined;
  if (header.toString('latin1', TYPE_AT, TYPE_AT + 4) !== 'IHDR') return undefined;
  return crc32(header.subarray(TYPE_AT, CRC_AT)) === header.readUInt32BE(CRC_AT) ? header : undefined;
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
