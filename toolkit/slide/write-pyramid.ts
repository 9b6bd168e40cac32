import { type FileHandle, open } from 'node:fs/promises';
import { promisify } from 'node:util';
import { deflate } from 'node:zlib';
import { replaceFile } from '../files/atomic-write.ts';
import { pyramidSizes } from './deep-zoom.ts';
import type { Rows } from './infer/slide-rows.ts';
import { TAG } from './read/tiff-pages.ts';

const deflated = promisify(deflate);
const TILE = 512;
const COMPRESSION = 6;
/** Levels are added until the longest side is at most this, px. */
const SMALLEST_LEVEL = 1_024;
const MAX_LEVELS = 16;

/** Size and tags of a pyramid. */
export interface PyramidOptions extends Omit<PictureTags, 'tile'> {
  /** px */
  readonly width: number;
  /** px */
  readonly height: number;
}

/**
 * Writes an image of one byte per pixel as a tiled, pyramidal BigTIFF with deflate compression. Streams its rows: only one
 * row of tiles per level is in memory. Smaller levels take the upper left of every four pixels, so that values are never
 * averaged and labels stay labels.
 *
 * @throws ReigniteError NO_SPACE, NOT_WRITABLE; RangeError if the number of rows is not `height`.
 */
export async function writePyramid(path: string, rows: AsyncIterable<Rows>, options: PyramidOptions): Promise<void> {
  const { width, height, ...tags } = options;
  await replaceFile(path, async (temporary) => {
    const handle = await open(temporary, 'wx+');
    try {
      const writer = new TiffWriter(handle);
      const levels = pyramidSizes({ width, height }, SMALLEST_LEVEL, MAX_LEVELS).map(
        (size) => new LevelRows(size, writer),
      );
      for await (const { count, data } of rows) {
        for (let y = 0; y < count; y++) await addRow(levels, data.subarray(y * width, (y + 1) * width));
      }
      for (const level of levels) await level.end();
      await writer.end(
        levels.map((level) => level.written),
        { ...tags, tile: TILE },
      );
      await handle.sync();
    } finally {
      await handle.close();
    }
  });
}

/** Adds a row to the first level, and every second row of each level to the next one. */
async function addRow(levels: readonly LevelRows[], row: Uint8Array): Promise<void> {
  let current = row;
  for (const level of levels) {
    const isTaken = level.rows % 2 === 0;
    await level.add(current);
    if (!isTaken) return;
    const half = new Uint8Array(Math.ceil(current.length / 2));
    for (let x = 0; x < half.length; x++) half[x] = current[2 * x] ?? 0;
    current = half;
  }
}

/** Buffers the rows of one level until a row of tiles is complete. */
class LevelRows {
  readonly written: WrittenLevel;
  readonly #writer: TiffWriter;
  readonly #across: number;
  readonly #waiting: Uint8Array;
  /** Rows added so far. */
  rows = 0;

  constructor({ width, height }: { readonly width: number; readonly height: number }, writer: TiffWriter) {
    this.#across = Math.ceil(width / TILE);
    const tiles = this.#across * Math.ceil(height / TILE);
    this.written = { width, height, offsets: new Float64Array(tiles), lengths: new Uint32Array(tiles) };
    this.#writer = writer;
    this.#waiting = new Uint8Array(TILE * width);
  }

  async add(row: Uint8Array): Promise<void> {
    const { width, height } = this.written;
    if (this.rows >= height || row.length !== width) throw new RangeError(`Expected ${height} rows of ${width} px`);
    this.#waiting.set(row, (this.rows % TILE) * width);
    this.rows++;
    if (this.rows % TILE === 0) await this.#flush();
  }

  async end(): Promise<void> {
    const { height } = this.written;
    if (this.rows !== height) throw new RangeError(`Expected ${height} rows, got ${this.rows}`);
    if (this.rows % TILE !== 0) await this.#flush();
  }

  async #flush(): Promise<void> {
    const { width, offsets, lengths } = this.written;
    const tileRow = Math.ceil(this.rows / TILE) - 1;
    const rows = this.rows - tileRow * TILE;
    const tiles = Array.from({ length: this.#across }, (_, column) => {
      const tile = new Uint8Array(TILE * TILE);
      const from = column * TILE;
      const to = Math.min(width, from + TILE);
      for (let y = 0; y < rows; y++) tile.set(this.#waiting.subarray(y * width + from, y * width + to), y * TILE);
      return tile;
    });
    // Several at a time, because zlib compresses in threads.
    for (let at = 0; at < tiles.length; at += 8) {
      const some = await Promise.all(tiles.slice(at, at + 8).map((tile) => deflated(tile, { level: COMPRESSION })));
      for (const [index, bytes] of some.entries()) {
        const tile = tileRow * this.#across + at + index;
        offsets[tile] = await this.#writer.tile(bytes);
        lengths[tile] = bytes.length;
      }
    }
  }
}

/** One level of an image whose tiles have been written. */
interface WrittenLevel {
  /** px */
  readonly width: number;
  /** px */
  readonly height: number;
  readonly offsets: Float64Array;
  readonly lengths: Uint32Array;
}

/** Tags of a label or greyscale image. */
interface PictureTags {
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
class TiffWriter {
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
