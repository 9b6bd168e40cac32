import { type FileHandle, open } from 'node:fs/promises';
import { ReigniteError } from '../../errors.ts';
import { fileMissing } from '../../files/file-access.ts';
import type { PictureSize } from '../deep-zoom.ts';
import { RecentPixels } from './recent-pixels.ts';
import { type SlideLevel, slideLevel, tilesOf } from './slide-level.ts';
import { readExactly, readTiffPages, TAG, type TiffPage } from './tiff-pages.ts';
import { decodeTile } from './tile-codec.ts';

const TILE_BYTES = 64 * 2 ** 20;
const COLOURS = 256;

type Rgb = readonly [number, number, number];

interface LabelTile {
  readonly width: number;
  readonly data: Uint8Array;
}

/** Reads a pyramid of one byte per pixel, as written by `writePyramid`: the values, not their colours. */
export class LabelPyramid {
  /** The largest first. */
  readonly levels: readonly PictureSize[];
  /** Colours of the values; undefined for a greyscale image. */
  readonly palette: readonly Rgb[] | undefined;
  readonly #path: string;
  readonly #handle: FileHandle;
  readonly #stored: readonly SlideLevel[];
  readonly #tiles = new RecentPixels<LabelTile>(TILE_BYTES);

  private constructor(path: string, handle: FileHandle, stored: readonly SlideLevel[]) {
    this.#path = path;
    this.#handle = handle;
    this.#stored = stored;
    this.levels = stored;
    const map = stored[0]?.page.numbers(TAG.colourMap) ?? [];
    const channel = (of: number, value: number) => (map[of * COLOURS + value] ?? 0) >> 8;
    this.palette =
      map.length < 3 * COLOURS
        ? undefined
        : Array.from({ length: COLOURS }, (_, value) => [channel(0, value), channel(1, value), channel(2, value)]);
  }

  /** @throws ReigniteError FILE_MISSING; FILE_DAMAGED for a file that is not a pyramid of one byte per pixel. */
  static async open(path: string): Promise<LabelPyramid> {
    const handle = await open(path).catch((cause: unknown) => {
      throw fileMissing(path, cause);
    });
    try {
      const tiff = await readTiffPages({ read: (offset, length) => readExactly(handle, offset, length) });
      const [base] = tiff?.pages ?? [];
      if (tiff === undefined || base === undefined) throw damaged(path, 'it is not a TIFF');
      if (!tiff.pages.every(holdsByteTiles)) throw damaged(path, 'it does not hold tiles of one byte per pixel');
      const levels = tiff.pages.map((page) => slideLevel(page, base, tiff.isLittle));
      return new LabelPyramid(path, handle, levels);
    } catch (error) {
      await handle.close();
      if (error instanceof ReigniteError) throw error;
      throw damaged(path, reasonOf(error), error);
    }
  }

  /**
   * Reads a part of a level.
   *
   * @param left - First column, px of the level. The part must be within the level.
   * @returns height x width values.
   * @throws ReigniteError FILE_DAMAGED.
   */
  async read(level: number, left: number, top: number, width: number, height: number): Promise<Uint8Array> {
    const of = this.#stored[level];
    if (of === undefined) throw new RangeError(`Expected a level below ${this.#stored.length}, got ${level}`);
    const { tileWidth, tileHeight } = of;
    const out = new Uint8Array(width * height);
    for (let row = Math.floor(top / tileHeight); row * tileHeight < top + height; row++) {
      for (let column = Math.floor(left / tileWidth); column * tileWidth < left + width; column++) {
        const tile = await this.#tile(level, of, row * tilesOf(of).across + column);
        const [x, y] = [column * tileWidth, row * tileHeight];
        const [from, to] = [Math.max(left, x), Math.min(left + width, x + tileWidth)];
        for (let line = Math.max(top, y); line < Math.min(top + height, y + tileHeight); line++) {
          const start = (line - y) * tile.width - x;
          out.set(tile.data.subarray(start + from, start + to), (line - top) * width + from - left);
        }
      }
    }
    return out;
  }

  close(): Promise<void> {
    return this.#handle.close();
  }

  #tile(level: number, of: SlideLevel, index: number): Promise<LabelTile> {
    return this.#tiles.get(`${level}/${index}`, async () => {
      try {
        const length = of.lengths[index] ?? 0;
        const bytes = await readExactly(this.#handle, of.offsets[index] ?? 0, length);
        if (bytes.length < length) throw new RangeError(`the file ends ${length - bytes.length} bytes before it does`);
        return await decodeTile(bytes, of.layout, { width: of.tileWidth, height: of.tileHeight });
      } catch (cause) {
        throw damaged(this.#path, `tile ${index}: ${reasonOf(cause)}`, cause);
      }
    });
  }
}

/** Returns whether a page is stored in tiles with one byte per pixel. */
function holdsByteTiles(page: TiffPage): boolean {
  const isOneByte = page.number(TAG.samples, 1) === 1 && page.number(TAG.bits, 1) === 8;
  return isOneByte && page.number(TAG.tileWidth, 0) > 0 && page.number(TAG.tileHeight, 0) > 0;
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function damaged(path: string, reason: string, cause?: unknown): ReigniteError {
  return new ReigniteError('FILE_DAMAGED', `${path} cannot be read: ${reason}.`, {
    remedy: 'Delete it and run the same `npx reignite predict` again, which rewrites it.',
    ...(cause !== undefined && { cause }),
  });
}
