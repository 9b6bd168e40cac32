import * as zlib from 'node:zlib';
import sharp from 'sharp';
import { decodeJpeg2000 } from './jpeg-2000.ts';
import { decodeLzw } from './lzw.ts';
import { decodePackBits } from './pack-bits.ts';
import { TAG, type TiffPage } from './tiff-pages.ts';
import { wholeJpeg } from './whole-jpeg.ts';

/** Numbers of tag 259. */
export const COMPRESSION = { none: 1, lzw: 5, jpeg: 7, deflate: 8, oldDeflate: 32_946, packBits: 32_773, zstd: 50_000 };
const ZSTD_OF_LIBTIFF = 34_926;
/** Of Aperio: YCbCr and RGB; of others: 33004 and 34712. */
const JPEG_2000: ReadonlySet<number> = new Set([33_003, 33_004, 33_005, 34_712]);
const APERIO_YCBCR = 33_003;

/** Samples of a tile as the file means them: interleaved, one byte each. */
export interface TileSamples {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly data: Uint8Array;
}

/** How a page stores its samples. */
export interface SampleLayout {
  readonly compression: number;
  /** Samples a pixel in one stored tile: all, or one where planes are stored apart. */
  readonly channels: number;
  readonly bits: number;
  readonly predictor: number;
  readonly isLittle: boolean;
  readonly isRgb: boolean;
  readonly tables: Buffer | undefined;
}

/** Whether this process can decode a compression. */
export function isDecodable(compression: number): boolean {
  if (compression === COMPRESSION.zstd || compression === ZSTD_OF_LIBTIFF) return inflateZstd() !== undefined;
  return Object.values(COMPRESSION).includes(compression) || JPEG_2000.has(compression);
}

/** Reads how a page stores its samples. */
export function sampleLayout(page: TiffPage, isLittle: boolean): SampleLayout {
  const samples = page.number(TAG.samples, 1);
  return {
    compression: page.number(TAG.compression, COMPRESSION.none),
    channels: page.number(TAG.planar, 1) === 2 ? 1 : samples,
    bits: page.number(TAG.bits, 1),
    predictor: page.number(TAG.predictor, 1),
    isLittle,
    isRgb: page.number(TAG.photometric, 0) === 2 && samples >= 3,
    tables: page.bytes(TAG.jpegTables),
  };
}

/**
 * Decodes one stored tile or strip.
 *
 * @param size - px; JPEG tiles may hold fewer.
 * @throws Error that says what is wrong with the bytes.
 */
export async function decodeTile(
  bytes: Buffer,
  layout: SampleLayout,
  size: { readonly width: number; readonly height: number },
): Promise<TileSamples> {
  if (layout.compression === COMPRESSION.jpeg) return decodeJpeg(wholeJpeg(bytes, layout.tables, layout.isRgb));
  if (JPEG_2000.has(layout.compression)) return decodeJpeg2000(bytes, layout.compression === APERIO_YCBCR);
  const bytesPerSample = layout.bits / 8;
  const length = size.width * size.height * layout.channels * bytesPerSample;
  const raw = inflate(bytes, layout.compression, length);
  if (raw.length < length) throw new RangeError(`its data end after ${raw.length} of ${length} bytes`);
  const samples = raw.subarray(0, length);
  const data = bytesPerSample === 1 ? ofBytes(samples, layout, size.width) : ofWords(samples, layout, size.width);
  return { ...size, channels: layout.channels, data };
}

async function decodeJpeg(jpeg: Buffer): Promise<TileSamples> {
  const { data, info } = await sharp(jpeg, { ignoreIcc: true, failOn: 'error' })
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, channels: info.channels, data };
}

function inflate(bytes: Buffer, compression: number, length: number): Uint8Array {
  switch (compression) {
    case COMPRESSION.none:
      return bytes;
    case COMPRESSION.lzw:
      return decodeLzw(bytes, length);
    case COMPRESSION.deflate:
    case COMPRESSION.oldDeflate:
      return zlib.inflateSync(bytes, { maxOutputLength: length + 1024 });
    case COMPRESSION.packBits:
      return decodePackBits(bytes, length);
    default: {
      const decompress = inflateZstd();
      if (decompress === undefined) throw new RangeError(`it is compressed with ${compression}`);
      return decompress(bytes);
    }
  }
}

/** Zstandard, where this version of Node has it (22.15 and later). */
function inflateZstd(): ((bytes: Uint8Array) => Buffer) | undefined {
  const found: unknown = Reflect.get(zlib, 'zstdDecompressSync');
  if (typeof found !== 'function') return undefined;
  return (bytes) => {
    const result: unknown = Reflect.apply(found, undefined, [bytes]);
    if (Buffer.isBuffer(result)) return result;
    throw new RangeError('Zstandard gave no bytes');
  };
}

/** 8-bit samples; with predictor 2, each is the difference to its left neighbour. */
function ofBytes(samples: Uint8Array, { predictor, channels }: SampleLayout, width: number): Uint8Array {
  if (predictor !== 2) return samples;
  const data = Uint8Array.from(samples);
  const stride = width * channels;
  for (let row = 0; row < data.length; row += stride) {
    for (let at = row + channels; at < row + stride; at++) data[at] = (data[at] ?? 0) + (data[at - channels] ?? 0);
  }
  return data;
}

/** The high byte of 16-bit samples. */
function ofWords(bytes: Uint8Array, { predictor, channels, isLittle }: SampleLayout, width: number): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const data = new Uint8Array(bytes.length / 2);
  const words = new Uint16Array(width * channels);
  for (let row = 0; row < data.length; row += words.length) {
    for (let at = 0; at < words.length; at++) {
      const stored = view.getUint16(2 * (row + at), isLittle);
      words[at] = predictor === 2 && at >= channels ? stored + (words[at - channels] ?? 0) : stored;
      data[row + at] = (words[at] ?? 0) >> 8;
    }
  }
  return data;
}
