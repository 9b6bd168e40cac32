import { crc32 } from 'node:zlib';

const SIGNATURE_BYTES = 8;
/** Of a chunk besides its content: length and type before it, CRC-32 behind it. */
const BEFORE = 8;
const AFTER = 4;
/** In the file: the header chunk's type, and two bytes of its content. */
const HEADER_TYPE_AT = 12;
const DEPTH_AT = 24;
const COLOUR_TYPE_AT = 25;
const HEADER_CRC_AT = 29;
const GREY = 0;

/**
 * A PNG with a palette as a grey one whose samples are the indices into that palette: image libraries only give the
 * colours, of which two may be equal.
 *
 * @param png - The whole file, with a palette (colour type 3).
 * @returns A PNG of the same depth; samples of fewer than 8 bits are stretched to 0..255 when it is decoded, by `stretch`.
 * @see PNG (Third Edition), section 5
 */
export function paletteAsGrey(png: Buffer): { readonly grey: Buffer; readonly stretch: number } {
  const parts: Buffer[] = [png.subarray(0, SIGNATURE_BYTES)];
  for (let at = SIGNATURE_BYTES; at + BEFORE + AFTER <= png.length; ) {
    const end = at + BEFORE + png.readUInt32BE(at) + AFTER;
    const type = png.toString('latin1', at + 4, at + BEFORE);
    if (type === 'IHDR' || type === 'IDAT' || type === 'IEND') parts.push(png.subarray(at, end));
    at = end;
  }
  const grey = Buffer.concat(parts);
  grey[COLOUR_TYPE_AT] = GREY;
  grey.writeUInt32BE(crc32(grey.subarray(HEADER_TYPE_AT, HEADER_CRC_AT)), HEADER_CRC_AT);
  const depth = grey[DEPTH_AT] ?? 8;
  return { grey, stretch: 255 / (2 ** depth - 1) };
}
