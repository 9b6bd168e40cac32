import { type FileHandle, open } from 'node:fs/promises';
import sharp from 'sharp';
import { ReigniteError } from '../../errors.ts';
import { notOpened } from '../../files/file-access.ts';
import type { ByteSource } from '../../image/tiff-directory.ts';
import { RecentPixels } from './recent-pixels.ts';
import type { SlideSource } from './slide.ts';
import {
  REMEDIES,
  refuseCodestream,
  refuseLevel,
  refuseOtherFormats,
  refusePages,
  slideUnreadable,
} from './slide-formats.ts';
import { type SlideLevel, slideLevel, slidePages, tilesOf } from './slide-level.ts';
import { type StatedResolution, statedResolution } from './slide-resolution.ts';
import { readExactly, readTiffPages, TAG, type TiffPage } from './tiff-pages.ts';
import { asRgb, decodeTile, isJpeg2000, type RgbTile } from './tile-codec.ts';

// Decoded tiles are cached here; sharp's own cache would hold them a second time.
sharp.cache(false);

const HEAD_BYTES = 160;
/** Enough for the main header of a JPEG 2000 tile. */
const CODESTREAM_BYTES = 4_096;
/** Size of the cache of decoded tiles: one row of tiles of a slide 80,000 px wide. */
const TILE_BYTES = 96 * 2 ** 20;
const WHITE = 255;
const SEPARATE = 2;

/** A slide in TIFF format. Parts are read without decoding the rest. */
export class TiffSlide implements SlideSource {
  readonly path: string;
  /** The largest first. */
  readonly levels: readonly SlideLevel[];
  readonly scale: StatedResolution;
  readonly bits: number;
  /** Vendor or kind of file, if known: for example Aperio or OME-TIFF, else TIFF. */
  readonly vendor: string;
  /** Number of images in the file that are not levels. */
  readonly otherPictures: number;
  /** Notes on the file, one sentence each. */
  readonly notes: readonly string[];
  /** Not needed: the slide is a single file. */
  readonly fingerprint = undefined;
  readonly #handle: FileHandle;
  readonly #tiles = new RecentPixels<RgbTile>(TILE_BYTES);

  private constructor(path: string, handle: FileHandle, pages: readonly TiffPage[], levels: readonly SlideLevel[]) {
    const base = levels[0]?.page;
    if (base === undefined) throw slideUnreadable(path, 'it contains no image', REMEDIES.damaged);
    this.path = path;
    this.#handle = handle;
    this.levels = levels;
    this.scale = statedResolution(base, pages);
    this.vendor = vendorOf(base);
    this.bits = base.number(TAG.bits, 8);
    this.otherPictures = pages.flatMap((page) => [page, ...page.children]).length - levels.length;
    const others = pages.flatMap((page) => [page, ...page.children]).filter((page) => isUnread(page, levels));
    this.notes = [...notesOn(base), ...unreadNotes(others.length), ...this.scale.notes];
  }

  /**
   * Opens a slide: reads its directories and checks that its pixels can be decoded.
   *
   * @throws ReigniteError FILE_MISSING; IMAGE_UNREADABLE with the reason, and a command that converts it.
   */
  static async open(path: string): Promise<TiffSlide> {
    const handle = await open(path).catch((cause: unknown) => {
      throw notOpened('Slide', path, cause);
    });
    try {
      const source = sourceOf(handle);
      refuseOtherFormats(path, await source.read(0, HEAD_BYTES));
      const tiff = await readTiffPages(source);
      if (tiff === undefined) {
        const isNamedSo = /\.(tiff?|svs|btf|tf8|scn|qptiff)$/i.test(path);
        throw slideUnreadable(path, 'it is not a TIFF', isNamedSo ? REMEDIES.damaged : REMEDIES.openslide);
      }
      const found = slidePages(tiff.pages);
      refusePages(path, found);
      const [base] = found.levels;
      const levels = base === undefined ? [] : found.levels.map((page) => slideLevel(page, base, tiff.isLittle));
      for (const level of levels) {
        refuseLevel(path, level);
        if (isJpeg2000(level.layout.compression)) refuseCodestream(path, level, await startOfTile(source, level));
      }
      return new TiffSlide(path, handle, tiff.pages, levels);
    } catch (error) {
      await handle.close();
      if (error instanceof ReigniteError) throw error;
      throw slideUnreadable(path, error instanceof Error ? error.message : String(error), REMEDIES.damaged, error);
    }
  }

  async readRegion(level: number, left: number, top: number, width: number, height: number): Promise<Uint8Array> {
    const of = this.levels[level];
    if (of === undefined) throw new RangeError(`Expected a level below ${this.levels.length}, got ${level}`);
    const region = new Uint8Array(width * height * 3).fill(WHITE);
    const { tileWidth, tileHeight } = of;
    const { across, down } = tilesOf(of);
    const [firstRow, firstColumn] = [
      Math.max(0, Math.floor(top / tileHeight)),
      Math.max(0, Math.floor(left / tileWidth)),
    ];
    const lastRow = Math.min(down - 1, Math.floor((top + height - 1) / tileHeight));
    const lastColumn = Math.min(across - 1, Math.floor((left + width - 1) / tileWidth));
    const reading: Promise<void>[] = [];
    for (let row = firstRow; row <= lastRow; row++) {
      for (let column = firstColumn; column <= lastColumn; column++) {
        reading.push(
          this.#tile(level, of, row * across + column).then((tile) => {
            if (tile === undefined) return;
            const place = { left: column * tileWidth - left, top: row * tileHeight - top };
            const size = {
              width: Math.min(tile.width, of.width - column * tileWidth),
              height: Math.min(tile.height, of.height - row * tileHeight),
            };
            copyTile(tile, size, place, region, width, height);
          }),
        );
      }
    }
    const ended = await Promise.allSettled(reading);
    for (const each of ended) if (each.status === 'rejected') throw each.reason;
    return region;
  }

  close(): Promise<void> {
    return this.#handle.close();
  }

  /** Returns a decoded tile; undefined if the file leaves it out. */
  #tile(level: number, of: SlideLevel, index: number): Promise<RgbTile | undefined> {
    if ((of.offsets[index] ?? 0) === 0 || (of.lengths[index] ?? 0) === 0) return Promise.resolve(undefined);
    return this.#tiles.get(`${level}/${index}`, () => this.#decode(of, index));
  }

  async #decode(of: SlideLevel, index: number): Promise<RgbTile> {
    const { across, down } = tilesOf(of);
    const planes = of.page.number(TAG.planar, 1) === SEPARATE ? of.page.number(TAG.samples, 1) : 1;
    const rows = Math.min(of.tileHeight, of.height - Math.floor(index / across) * of.tileHeight);
    const height = of.isTiled ? of.tileHeight : rows;
    const size = { width: of.tileWidth, height, storedHeight: of.tileHeight };
    try {
      const stored = Array.from({ length: Math.min(planes, 3) }, (_, plane) => index + plane * across * down);
      const samples = await Promise.all(
        stored.map(async (at) => decodeTile(await this.#bytes(of, at), of.layout, size)),
      );
      return asRgb(samples, of.page);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const where = `${of.isTiled ? 'tile' : 'strip'} ${index} of its level of ${of.width} x ${of.height} px: ${reason.trim()}`;
      throw slideUnreadable(this.path, where, REMEDIES.damaged, error);
    }
  }

  async #bytes({ offsets, lengths }: SlideLevel, index: number): Promise<Buffer> {
    const length = lengths[index] ?? 0;
    const bytes = await readExactly(this.#handle, offsets[index] ?? 0, length);
    if (bytes.length < length) throw new RangeError(`the file ends ${length - bytes.length} bytes before it does`);
    return bytes;
  }
}

function copyTile(
  tile: RgbTile,
  size: { readonly width: number; readonly height: number },
  place: { readonly left: number; readonly top: number },
  region: Uint8Array,
  width: number,
  height: number,
): void {
  const from = Math.max(0, -place.left);
  const to = Math.min(size.width, width - place.left);
  if (to <= from) return;
  for (let y = Math.max(0, -place.top); y < Math.min(size.height, height - place.top); y++) {
    const row = tile.data.subarray(3 * (y * tile.width + from), 3 * (y * tile.width + to));
    region.set(row, 3 * ((place.top + y) * width + place.left + from));
  }
}

function sourceOf(handle: FileHandle): ByteSource {
  return { read: (offset, length) => readExactly(handle, offset, length) };
}

/** Reads the first bytes of the first tile that is not absent. */
async function startOfTile(source: ByteSource, { offsets, lengths }: SlideLevel): Promise<Buffer> {
  const present = lengths.findIndex((length, index) => length > 0 && (offsets[index] ?? 0) > 0);
  return source.read(offsets[present] ?? 0, Math.min(CODESTREAM_BYTES, lengths[present] ?? 0));
}

function vendorOf(base: TiffPage): string {
  const description = base.text(TAG.description);
  if (/^Aperio/i.test(description)) return 'Aperio';
  if (description.includes('<OME')) return 'OME-TIFF';
  if (/philips/i.test(base.text(TAG.software))) return 'Philips TIFF';
  return description.includes('<scn') ? 'Leica SCN' : 'TIFF';
}

/** Returns whether a page is another image as large as a slide, such as a focal plane or a second scanned area. */
function isUnread(page: TiffPage, levels: readonly SlideLevel[]): boolean {
  const [base] = levels;
  if (base === undefined || levels.some((level) => level.page === page)) return false;
  const pixels = page.number(TAG.width, 0) * page.number(TAG.height, 0);
  return base.page.has(TAG.tileWidth) === page.has(TAG.tileWidth) && 4 * pixels > base.width * base.height;
}

function unreadNotes(count: number): string[] {
  if (count === 0) return [];
  const which = count === 1 ? 'another large picture' : `${count} other large pictures`;
  return [`The file contains ${which}, such as focal planes or further scanned areas; only the largest was read.`];
}

function notesOn(base: TiffPage): string[] {
  const notes: string[] = [];
  const orientation = base.number(TAG.orientation, 1);
  if (orientation !== 1) {
    notes.push(`Its orientation tag (${orientation}) was not applied: results are in the stored rows and columns.`);
  }
  if (base.number(TAG.bits, 8) === 16) notes.push('Of its 16-bit samples, only the high byte was used.');
  return notes;
}
