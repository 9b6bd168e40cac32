import { open } from 'node:fs/promises';
import { promisify } from 'node:util';
import { deflate } from 'node:zlib';
import { replaceFile } from '../../files/atomic-write.ts';
import type { Rows } from '../predict/rows-file.ts';
import { pyramidSizes } from './pyramid-sizes.ts';
import { type PictureTags, TiffWriter, type WrittenLevel } from './tiff-writer.ts';

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
