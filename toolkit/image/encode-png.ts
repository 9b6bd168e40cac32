import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { crc32, createDeflate, deflate } from 'node:zlib';
import sharp from 'sharp';
import { markHandled } from '../concurrency.ts';
import { ReigniteError } from '../errors.ts';
import { replaceFile } from '../files/atomic-write.ts';

const deflated = promisify(deflate);

/** Pixels of one channel, row by row. */
export interface GreyImage<Samples extends Uint8Array | Uint16Array> {
  readonly width: number;
  readonly height: number;
  /** height x width samples. */
  readonly data: Samples;
}

/**
 * Writes label values as a plain 8-bit greyscale PNG without palette and alpha, so that any program reads the same values.
 * Equal labels give equal bytes.
 *
 * @throws ReigniteError NO_SPACE, NOT_WRITABLE.
 */
export async function encodeLabels(path: string, image: GreyImage<Uint8Array>): Promise<void> {
  await encode(path, image, 'b-w', 6);
}

/**
 * Writes a 16-bit greyscale PNG.
 *
 * @throws ReigniteError NO_SPACE, NOT_WRITABLE.
 */
export async function encodeGrey16(path: string, image: GreyImage<Uint16Array>): Promise<void> {
  await encode(path, image, 'grey16', 3);
}

/** An image stored as files of raw little-endian samples, in order from the top row. */
export interface RawGreyFiles {
  readonly width: number;
  readonly height: number;
  readonly parts: readonly string[];
}

/** Writes an 8-bit greyscale PNG from files of raw bytes. */
export async function encodeLabelsFromFiles(path: string, { width, height, parts }: RawGreyFiles): Promise<void> {
  await encodeLabels(path, { width, height, data: await readParts(parts, width * height) });
}

/** Writes a 16-bit greyscale PNG from files of raw little-endian samples. */
export async function encodeGrey16FromFiles(path: string, { width, height, parts }: RawGreyFiles): Promise<void> {
  const bytes = await readParts(parts, width * height * Uint16Array.BYTES_PER_ELEMENT);
  await encodeGrey16(path, { width, height, data: new Uint16Array(bytes.buffer) });
}

async function readParts(parts: readonly string[], length: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    const content = await readFile(part);
    if (at + content.length <= length) bytes.set(content, at);
    at += content.length;
  }
  if (at === length) return bytes;
  throw new ReigniteError('INTERNAL', `The files ${parts.join(', ')} hold ${at} bytes instead of ${length}.`);
}

async function encode(
  path: string,
  { width, height, data }: GreyImage<Uint8Array | Uint16Array>,
  space: 'b-w' | 'grey16',
  compressionLevel: number,
): Promise<void> {
  if (data.length !== width * height) {
    throw new RangeError(`Expected ${width} x ${height} samples for ${path}, got ${data.length}`);
  }
  const raw = { width, height, channels: 1 as const };
  const png = { compressionLevel, adaptiveFiltering: false, palette: false };
  await replaceFile(path, async (temporary) => {
    await sharp(data, { raw, limitInputPixels: 2 ** 31 })
      .toColourspace(space)
      .png(png)
      .toFile(temporary);
  });
}

/** Red, green, blue, each 0..255; then opacity, 0..255. Default: opaque. */
type Colour = readonly [number, number, number] | readonly [number, number, number, number];

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
const COLOUR_TYPE_INDEXED = 3;
const OPAQUE = 255;
const ROWS_AT_ONCE = 64;
const PIECE_BYTES = 16_384;

/**
 * Writes label values as a palette PNG: the palette index of a pixel is its label, and every viewer shows its colour. Image
 * libraries may reorder a palette; here, entry n is always the colour of label n.
 *
 * @param palette - Colours of the labels 0, 1, ..., at most 256. Larger labels are not allowed.
 * @throws ReigniteError NO_SPACE, NOT_WRITABLE.
 * @see PNG (Third Edition), sections 5 and 11
 */
export async function encodeIndexed(
  path: string,
  { width, height, data }: { readonly width: number; readonly height: number; readonly data: Uint8Array },
  palette: readonly Colour[],
): Promise<void> {
  if (data.length !== width * height) throw new RangeError(`Expected ${width * height} labels, got ${data.length}`);
  await replaceFile(path, async (temporary) => {
    const compressed = createDeflate({ level: 6 });
    const target = createWriteStream(temporary, { flags: 'wx' });
    const filled = pipeline(Readable.from(scanlines(data, width, height)), compressed);
    // Fails too when the file cannot be written, before it is awaited.
    markHandled(filled);
    await pipeline(Readable.from(chunks(header(width, height), palette, inPieces(compressed))), target);
    await filled;
  });
}

/**
 * Encodes a small image as a palette PNG in memory.
 *
 * @throws RangeError for data of another size.
 */
export async function indexedPng(
  { width, height, data }: { readonly width: number; readonly height: number; readonly data: Uint8Array },
  palette: readonly Colour[],
): Promise<Buffer> {
  if (data.length !== width * height) throw new RangeError(`Expected ${width * height} labels, got ${data.length}`);
  const lines = Buffer.concat([...scanlines(data, width, height)]);
  const parts: Uint8Array[] = [];
  const compressed = Readable.from([await deflated(lines, { level: 6 })]);
  for await (const part of chunks(header(width, height), palette, compressed)) parts.push(part);
  return Buffer.concat(parts);
}

async function* chunks(
  head: Uint8Array,
  palette: readonly Colour[],
  pixels: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield SIGNATURE;
  yield chunk('IHDR', head);
  yield chunk('PLTE', Uint8Array.from(palette.flatMap((colour) => colour.slice(0, 3))));
  if (palette.some(([, , , opacity = OPAQUE]) => opacity !== OPAQUE)) {
    yield chunk(
      'tRNS',
      Uint8Array.from(palette, ([, , , opacity = OPAQUE]) => opacity),
    );
  }
  for await (const part of pixels) yield chunk('IDAT', part);
  yield chunk('IEND', new Uint8Array(0));
}

/** Cuts a stream into pieces of equal length: how zlib cuts its output depends on the time when it is read. */
async function* inPieces(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const part of stream) {
    rest = Buffer.concat([rest, part]);
    for (; rest.length >= PIECE_BYTES; rest = rest.subarray(PIECE_BYTES)) yield rest.subarray(0, PIECE_BYTES);
  }
  if (rest.length > 0) yield rest;
}

function header(width: number, height: number): Uint8Array {
  const bytes = Buffer.alloc(13);
  bytes.writeUInt32BE(width, 0);
  bytes.writeUInt32BE(height, 4);
  bytes.set([8, COLOUR_TYPE_INDEXED, 0, 0, 0], 8);
  return bytes;
}

/** Yields rows with filter 0, as the PNG specification advises for palette indices, whose differences have no meaning. */
function* scanlines(data: Uint8Array, width: number, height: number): Generator<Uint8Array> {
  for (let from = 0; from < height; from += ROWS_AT_ONCE) {
    const rows = Math.min(ROWS_AT_ONCE, height - from);
    const lines = new Uint8Array(rows * (width + 1));
    for (let row = 0; row < rows; row++) {
      const at = (from + row) * width;
      lines.set(data.subarray(at, at + width), row * (width + 1) + 1);
    }
    yield lines;
  }
}

/** Encodes a chunk: length, type, content, and the CRC-32 of type and content. */
function chunk(type: string, bytes: Uint8Array): Uint8Array {
  const framed = Buffer.alloc(12 + bytes.length);
  framed.writeUInt32BE(bytes.length, 0);
  framed.write(type, 4, 'latin1');
  framed.set(bytes, 8);
  framed.writeUInt32BE(crc32(framed.subarray(4, 8 + bytes.length)), 8 + bytes.length);
  return framed;
}
