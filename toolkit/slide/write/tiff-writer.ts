import type { FileHandle } from 'node:fs/promises';
import { TAG } from '../read/tiff-pages.ts';

/** One level of an image whose tiles have been written. */
export interface WrittenLevel {
  /** px */
  readonly width: number;
  /** px */
  readonly height: number;
  readonly offsets: Float64Array;
  readonly lengths: Uint32Array;
}

/** Tags of a label or greyscale image. */
export interface PictureTags {
  /** Side of a tile, px. */
  readonly tile: number;
  /** µm per px of the largest level. Default: no resolution is written. */
  readonly mpp?: number;
  /** Colours of the values. Default: grey. */
  readonly palette?: readonly (readonly [number, number, number])[];
  readonly description: string;
}

const [ASCII, SHORT, LONG, RATIONAL, LONG8] = [2, 3, 4, 5, 16];
const HEAD_BYTES = 16;
const DEFLATE = 8;
const [GREY, PALETTE] = [1, 3];
const CENTIMETRE = 3;
const UM_PER_CM = 10_000;
const REDUCED = 1;
/** Denominator of resolutions, which keeps four decimals of px per cm. */
const FRACTION = 10_000;

/** Writes a BigTIFF of one byte per pixel: first the tiles in any order, then the directories. */
export class TiffWriter {
  readonly #handle: FileHandle;
  #at = HEAD_BYTES;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  /** Writes the bytes of a tile and returns their offset. */
  async tile(bytes: Uint8Array): Promise<number> {
    const at = this.#at;
    await this.#write(bytes, at);
    this.#at += bytes.length + (bytes.length % 2);
    return at;
  }

  /** Writes the directories of all levels, the largest first, and the file header. */
  async end(levels: readonly WrittenLevel[], tags: PictureTags): Promise<void> {
    const head = Buffer.alloc(HEAD_BYTES);
    head.write('II', 0, 'latin1');
    head.writeUInt16LE(43, 2);
    head.writeUInt16LE(8, 4);
    head.writeBigUInt64LE(BigInt(this.#at), 8);
    for (const [index, level] of levels.entries()) {
      const isLast = index === levels.length - 1;
      const bytes = directory(entriesOf(level, index, levels[0] ?? level, tags), this.#at, isLast);
      await this.#write(bytes, this.#at);
      this.#at += bytes.length;
    }
    await this.#write(head, 0);
  }

  async #write(bytes: Uint8Array, at: number): Promise<void> {
    let written = 0;
    while (written < bytes.length) {
      const { bytesWritten } = await this.#handle.write(bytes, written, bytes.length - written, at + written);
      written += bytesWritten;
    }
  }
}

type Entry = readonly [tag: number, type: number, count: number, data: Buffer];

function entriesOf(level: WrittenLevel, index: number, base: WrittenLevel, tags: PictureTags): Entry[] {
  const { width, height, offsets, lengths } = level;
  const { palette, mpp, description } = tags;
  const entries: Entry[] = [
    [TAG.subfileType, LONG, 1, uint32(index === 0 ? 0 : REDUCED)],
    [TAG.width, LONG, 1, uint32(width)],
    [TAG.height, LONG, 1, uint32(height)],
    [TAG.bits, SHORT, 1, shorts([8])],
    [TAG.compression, SHORT, 1, shorts([DEFLATE])],
    [TAG.photometric, SHORT, 1, shorts([palette === undefined ? GREY : PALETTE])],
    [TAG.samples, SHORT, 1, shorts([1])],
    [TAG.planar, SHORT, 1, shorts([1])],
    [TAG.software, ASCII, 'reignite'.length + 1, Buffer.from('reignite\0')],
    [TAG.tileWidth, LONG, 1, uint32(tags.tile)],
    [TAG.tileHeight, LONG, 1, uint32(tags.tile)],
    [TAG.tileOffsets, LONG8, offsets.length, Buffer.concat(Array.from(offsets, uint64))],
    [TAG.tileBytes, LONG, lengths.length, Buffer.concat(Array.from(lengths, uint32))],
  ];
  if (index === 0)
    entries.push([TAG.description, ASCII, Buffer.byteLength(description) + 1, Buffer.from(`${description}\0`)]);
  if (palette !== undefined) entries.push([TAG.colourMap, SHORT, 768, shorts(colourMap(palette))]);
  if (mpp !== undefined) {
    entries.push([TAG.xResolution, RATIONAL, 1, resolution(mpp * (base.width / width))]);
    entries.push([TAG.yResolution, RATIONAL, 1, resolution(mpp * (base.height / height))]);
    entries.push([TAG.resolutionUnit, SHORT, 1, shorts([CENTIMETRE])]);
  }
  return entries.sort(([a], [b]) => a - b);
}

/** Encodes a directory at offset `at`, followed by its long values. The next directory comes right after them. */
function directory(entries: readonly Entry[], at: number, isLast: boolean): Buffer {
  const room = 8 + 20 * entries.length + 8;
  const values: Buffer[] = [];
  let free = at + room;
  const rows = entries.map(([tag, type, count, data]) => {
    const row = Buffer.alloc(20);
    row.writeUInt16LE(tag, 0);
    row.writeUInt16LE(type, 2);
    row.writeBigUInt64LE(BigInt(count), 4);
    if (data.length <= 8) {
      data.copy(row, 12);
      return row;
    }
    const padded = Buffer.concat([data, Buffer.alloc((8 - (data.length % 8)) % 8)]);
    row.writeBigUInt64LE(BigInt(free), 12);
    values.push(padded);
    free += padded.length;
    return row;
  });
  return Buffer.concat([uint64(entries.length), ...rows, uint64(isLast ? 0 : free), ...values]);
}

/** Returns 256 reds, then greens, then blues, 16 bits each. Values without a colour are black. */
function colourMap(palette: readonly (readonly [number, number, number])[]): number[] {
  return [0, 1, 2].flatMap((channel) =>
    Array.from({ length: 256 }, (_, value) => (palette[value]?.[channel] ?? 0) * 257),
  );
}

function resolution(mpp: number): Buffer {
  return Buffer.concat([uint32(Math.round((UM_PER_CM / mpp) * FRACTION)), uint32(FRACTION)]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function uint64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function shorts(values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(2 * values.length);
  for (const [at, value] of values.entries()) bytes.writeUInt16LE(value, 2 * at);
  return bytes;
}
