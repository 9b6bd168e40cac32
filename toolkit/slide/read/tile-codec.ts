import { inflateSync } from 'node:zlib';
import sharp from 'sharp';
import { decodeJpeg2000 } from './jpeg-2000.ts';
import { decodeLzw, decodePackBits, decodeZstandard } from './lossless-codecs.ts';
import { TAG, type TiffPage } from './tiff-pages.ts';

/** Values of the compression tag (259). */
export const COMPRESSION = { none: 1, lzw: 5, jpeg: 7, deflate: 8, oldDeflate: 32_946, packBits: 32_773 };
/** Registered value, and the one that libtiff uses. */
const ZSTD: ReadonlySet<number> = new Set([34_926, 50_000]);
const WEBP: ReadonlySet<number> = new Set([34_927, 50_001]);
/** Aperio uses 33003 (YCbCr) and 33005 (RGB), other writers 33004 and 34712. */
const JPEG_2000: ReadonlySet<number> = new Set([33_003, 33_004, 33_005, 34_712]);
const APERIO_YCBCR = 33_003;
/** Bytes that a stored tile may contain beyond its pixels. */
const SPARE_BYTES = 1_024;
/** px by which a JPEG may be larger than its tile, because of blocks of 16 px. */
const MAX_PADDING = 16;

/** Decoded samples of a tile: height x width x channels uint8. */
export interface TileSamples {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly data: Uint8Array;
}

/** How a page stores its samples. */
export interface SampleLayout {
  readonly compression: number;
  /** Samples per pixel in one stored tile; 1 if the planes are stored separately. */
  readonly channels: number;
  readonly bits: number;
  readonly predictor: number;
  readonly isLittle: boolean;
  readonly isRgb: boolean;
  readonly tables: Buffer | undefined;
}

export function isJpeg2000(compression: number): boolean {
  return JPEG_2000.has(compression);
}

/** Whether a compression can be decoded. */
export function isDecodable(compression: number): boolean {
  return (
    Object.values(COMPRESSION).includes(compression) || [JPEG_2000, ZSTD, WEBP].some((kind) => kind.has(compression))
  );
}

/** Reads how a page stores its samples. */
export function sampleLayout(page: TiffPage, isLittle: boolean): SampleLayout {
  const samples = page.number(TAG.samples, 1);
  const compression = page.number(TAG.compression, COMPRESSION.none);
  return {
    compression,
    channels: page.number(TAG.planar, 1) === 2 ? 1 : samples,
    bits: page.number(TAG.bits, 1),
    predictor: hasPredictor(compression) ? page.number(TAG.predictor, 1) : 1,
    isLittle,
    isRgb: page.number(TAG.photometric, 0) === 2 && samples >= 3,
    tables: page.bytes(TAG.jpegTables),
  };
}

/** Returns whether the predictor tag applies. With other compressions it has no meaning, but may still be present. */
function hasPredictor(compression: number): boolean {
  return [COMPRESSION.lzw, COMPRESSION.deflate, COMPRESSION.oldDeflate].includes(compression) || ZSTD.has(compression);
}

/** Size of a stored tile or strip, px. */
export interface PieceSize {
  readonly width: number;
  readonly height: number;
  /** Rows that may be stored, if more than `height`: the last strip is often stored at full height. */
  readonly storedHeight?: number;
}

/**
 * Decodes one stored tile or strip.
 *
 * @param size - Expected size, px. JPEG tiles may be smaller.
 * @throws Error with the reason why the bytes cannot be decoded.
 */
export async function decodeTile(
  bytes: Buffer,
  layout: SampleLayout,
  { width, height, storedHeight = height }: PieceSize,
): Promise<TileSamples> {
  const size = { width, height };
  const stored = { width, height: storedHeight };
  if (layout.compression === COMPRESSION.jpeg)
    return decodeImage(wholeJpeg(bytes, layout.tables, layout.isRgb), stored);
  if (WEBP.has(layout.compression)) return decodeImage(bytes, stored);
  if (JPEG_2000.has(layout.compression)) return decodeJpeg2000(bytes, stored, layout.compression === APERIO_YCBCR);
  const bytesPerSample = layout.bits / 8;
  const length = width * height * layout.channels * bytesPerSample;
  const raw = inflate(bytes, layout.compression, length, width * storedHeight * layout.channels * bytesPerSample);
  if (raw.length < length) throw new RangeError(`its data end after ${raw.length} of ${length} bytes`);
  const samples = raw.subarray(0, length);
  const data = bytesPerSample === 1 ? ofBytes(samples, layout, width) : ofWords(samples, layout, width);
  return { ...size, channels: layout.channels, data };
}

/** Decodes a JPEG or WebP. Limits its size, so that a damaged header does not use up all memory. */
async function decodeImage(bytes: Buffer, { width, height }: PieceSize): Promise<TileSamples> {
  const limitInputPixels = (width + MAX_PADDING) * (height + MAX_PADDING);
  const image = sharp(bytes, { ignoreIcc: true, failOn: 'error', limitInputPixels });
  const { data, info } = await image.raw().toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, channels: info.channels, data };
}

/** @param most - Maximum size of the decompressed data, bytes. */
function inflate(bytes: Buffer, compression: number, length: number, most: number): Uint8Array {
  switch (compression) {
    case COMPRESSION.none:
      return bytes;
    case COMPRESSION.lzw:
      return decodeLzw(bytes, length);
    case COMPRESSION.deflate:
    case COMPRESSION.oldDeflate:
      return inflateSync(bytes, { maxOutputLength: most + SPARE_BYTES });
    case COMPRESSION.packBits:
      return decodePackBits(bytes, length);
    default:
      if (ZSTD.has(compression)) return decodeZstandard(bytes, most + SPARE_BYTES);
      throw new RangeError(`it is compressed with ${compression}`);
  }
}

/** Returns 8-bit samples. With predictor 2, each is stored as the difference from its left neighbour. */
function ofBytes(samples: Uint8Array, { predictor, channels }: SampleLayout, width: number): Uint8Array {
  if (predictor !== 2) return samples;
  const data = Uint8Array.from(samples);
  const stride = width * channels;
  for (let row = 0; row < data.length; row += stride) {
    for (let at = row + channels; at < row + stride; at++) data[at] = (data[at] ?? 0) + (data[at - channels] ?? 0);
  }
  return data;
}

/** Returns the high byte of 16-bit samples. */
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

const START = Buffer.from([0xff, 0xd8]);
const MARKER = 0xff;
const SCAN = 0xda;
const FIRST_APPLICATION = 0xe0;
const LAST_APPLICATION = 0xef;
/** An Adobe segment that declares the three components to be RGB, not YCbCr. */
const RGB_MARKER = Buffer.from('ffee000e41646f626500640000000000', 'hex');

/**
 * Makes a complete JPEG from a tile of a TIFF: adds the tables that all tiles share and, for RGB, an Adobe segment.
 * Without it, decoders treat three components as YCbCr, even if the TIFF's photometric interpretation is RGB (as in
 * Aperio files).
 *
 * @param tile - Bytes of the tile: a JPEG, with or without tables.
 * @param tables - Value of tag 347: a JPEG with nothing but tables.
 */
function wholeJpeg(tile: Buffer, tables: Buffer | undefined, isRgb: boolean): Buffer {
  if (tables === undefined && !isRgb) return tile;
  const shared = tables === undefined ? [] : [tables.subarray(2, endOfTables(tables))];
  return Buffer.concat([
    START,
    ...(isRgb ? [RGB_MARKER] : []),
    ...shared,
    isRgb ? withoutColours(tile) : tile.subarray(2),
  ]);
}

/** Returns the offset of the end-of-image marker of the tables. */
function endOfTables(tables: Buffer): number {
  const isEnded = tables.length >= 2 && tables.readUInt16BE(tables.length - 2) === 0xffd9;
  return isEnded ? tables.length - 2 : tables.length;
}

/** Returns a JPEG without its start marker and its application segments, some of which declare its colours. */
function withoutColours(jpeg: Buffer): Buffer {
  const kept: Buffer[] = [];
  let at = 2;
  while (at + 4 <= jpeg.length && jpeg[at] === MARKER) {
    const marker = jpeg[at + 1] ?? 0;
    if (marker === SCAN) break;
    const end = at + 2 + jpeg.readUInt16BE(at + 2);
    const isApplication = marker >= FIRST_APPLICATION && marker <= LAST_APPLICATION;
    if (!isApplication) kept.push(jpeg.subarray(at, end));
    at = end;
  }
  return Buffer.concat([...kept, jpeg.subarray(at)]);
}

/** A decoded tile: height x width x 3 uint8. */
export interface RgbTile {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

const WHITE_IS_ZERO = 0;
const PALETTE = 3;
const COLOURS = 3;
const VALUES = 256;

/**
 * Converts the samples of a tile to RGB: interleaves planes, expands grey and palettes, drops alpha.
 *
 * @param planes - One item with all channels, or one per channel if they are stored separately.
 */
export function asRgb(planes: readonly TileSamples[], page: TiffPage): RgbTile {
  const [first] = planes;
  if (first === undefined) throw new RangeError('Expected the samples of a tile');
  const { width, height } = first;
  if (planes.some((plane) => plane.width !== width || plane.height !== height)) {
    throw new RangeError('its planes differ in size');
  }
  const photometric = page.number(TAG.photometric, 1);
  if (photometric === PALETTE) return { width, height, data: ofPalette(first, page.numbers(TAG.colourMap)) };
  if (planes.length === 1 && first.channels === COLOURS) return { width, height, data: first.data };
  const data = new Uint8Array(width * height * COLOURS);
  const isInverted = photometric === WHITE_IS_ZERO;
  for (let channel = 0; channel < COLOURS; channel++) {
    const { data: samples, channels } = planes[channel] ?? first;
    // Grey (with or without alpha): the first sample is used for all three colours.
    const offset = planes.length > 1 || channels < COLOURS ? 0 : channel;
    for (let from = offset, to = channel; to < data.length; from += channels, to += COLOURS) {
      const value = samples[from] ?? 0;
      data[to] = isInverted ? VALUES - 1 - value : value;
    }
  }
  return { width, height, data };
}

/** @param map - 256 reds, then greens, then blues, 16 bits each. */
function ofPalette({ data: indices, channels }: TileSamples, map: readonly number[]): Uint8Array {
  const data = new Uint8Array((indices.length / channels) * COLOURS);
  for (let from = 0, to = 0; from < indices.length; from += channels, to += COLOURS) {
    const index = indices[from] ?? 0;
    for (let channel = 0; channel < COLOURS; channel++) data[to + channel] = (map[channel * VALUES + index] ?? 0) >> 8;
  }
  return data;
}
