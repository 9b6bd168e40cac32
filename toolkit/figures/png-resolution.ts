import { crc32 } from 'node:zlib';

/** Resolution of the authors' figures, which determines their physical size in a document. */
const FIGURE_DPI = 150;

const SIGNATURE_BYTES = 8;
/** Bytes of length, type and checksum of a chunk. */
const CHUNK_BYTES = 12;
const INCH = 0.0254;
const PER_METRE = 1;

/**
 * Sets the physical resolution of a PNG (chunk pHYs), replacing an existing one. The pixels do not change.
 *
 * @param dpi - Resolution in px per inch.
 * @see PNG specification, 11.3.4.3
 */
export function withResolution(png: Uint8Array, dpi = FIGURE_DPI): Uint8Array {
  const bytes = Buffer.from(png.buffer, png.byteOffset, png.byteLength);
  const chunks = chunksOf(bytes);
  const [header, ...others] = chunks;
  if (header === undefined) throw new RangeError('Expected the bytes of a PNG');
  const kept = others.filter((chunk) => typeOf(chunk) !== 'pHYs');
  return Buffer.concat([bytes.subarray(0, SIGNATURE_BYTES), header, physicalSize(dpi), ...kept]);
}

function chunksOf(bytes: Buffer): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = SIGNATURE_BYTES; at + CHUNK_BYTES <= bytes.length; ) {
    const end = at + CHUNK_BYTES + bytes.readUInt32BE(at);
    chunks.push(bytes.subarray(at, end));
    at = end;
  }
  return chunks;
}

function typeOf(chunk: Buffer): string {
  return chunk.toString('latin1', 4, 8);
}

function physicalSize(dpi: number): Buffer {
  const perMetre = Math.round(dpi / INCH);
  const chunk = Buffer.alloc(CHUNK_BYTES + 9);
  chunk.writeUInt32BE(9, 0);
  chunk.write('pHYs', 4, 'latin1');
  chunk.writeUInt32BE(perMetre, 8);
  chunk.writeUInt32BE(perMetre, 12);
  chunk.writeUInt8(PER_METRE, 16);
  chunk.writeUInt32BE(crc32(chunk.subarray(4, 17)), 17);
  return chunk;
}
