import { readFile } from 'node:fs/promises';
import sharp from 'sharp';
import { ReigniteError } from '../errors.ts';
import { replaceFile } from '../files/atomic-write.ts';

/** Pixels of one channel, row by row. */
export interface GreyImage<Samples extends Uint8Array | Uint16Array> {
  readonly width: number;
  readonly height: number;
  /** height x width samples. */
  readonly data: Samples;
}

/**
 * Writes label values as a plain 8-bit grey PNG: no palette, no alpha, so that every reader sees the values.
 * The same labels give the same bytes.
 *
 * @throws ReigniteError NO_SPACE, NOT_WRITABLE.
 */
export async function encodeLabels(path: string, image: GreyImage<Uint8Array>): Promise<void> {
  await encode(path, image, 'b-w', 6);
}

/**
 * Writes a 16-bit grey PNG (big-endian samples, as PNG has them).
 *
 * @throws ReigniteError NO_SPACE, NOT_WRITABLE.
 */
export async function encodeGrey16(path: string, image: GreyImage<Uint16Array>): Promise<void> {
  await encode(path, image, 'grey16', 3);
}

/** An image as files of raw samples, little-endian, that follow each other from the top row on. */
export interface RawGreyFiles {
  readonly width: number;
  readonly height: number;
  readonly parts: readonly string[];
}

/** Writes the 8-bit grey PNG of files of raw bytes. */
export async function encodeLabelsFromFiles(path: string, { width, height, parts }: RawGreyFiles): Promise<void> {
  await encodeLabels(path, { width, height, data: await readParts(parts, width * height) });
}

/** Writes the 16-bit grey PNG of files of raw little-endian samples. */
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
