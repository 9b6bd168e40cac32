import type { FileHandle } from 'node:fs/promises';
import { type ByteSource, type Layout, layoutOf, numberAt } from '../../image/tiff-directory.ts';

/** TIFF tags that slides use. */
export const TAG = {
  subfileType: 254,
  width: 256,
  height: 257,
  bits: 258,
  compression: 259,
  photometric: 262,
  fillOrder: 266,
  description: 270,
  stripOffsets: 273,
  orientation: 274,
  samples: 277,
  rowsPerStrip: 278,
  stripBytes: 279,
  xResolution: 282,
  yResolution: 283,
  planar: 284,
  resolutionUnit: 296,
  software: 305,
  predictor: 317,
  colourMap: 320,
  tileWidth: 322,
  tileHeight: 323,
  tileOffsets: 324,
  tileBytes: 325,
  subDirectories: 330,
  extraSamples: 338,
  sampleFormat: 339,
  jpegTables: 347,
  subsampling: 530,
  xmp: 700,
  hamamatsu: 65_420,
} as const;
export type Tag = (typeof TAG)[keyof typeof TAG];
const KNOWN: ReadonlySet<number> = new Set(Object.values(TAG));

/** Bytes per value, by type: BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED, SRATIONAL, IFD, LONG8, IFD8. */
const SIZES: Readonly<Record<number, number>> = { 1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1, 10: 8, 13: 4, 16: 8, 18: 8 };
const RATIONAL = 5;
const MAX_PAGES = 10_000;
const MAX_ENTRIES = 4_096;
/** Limit of all tag values together. The tile offsets of a slide of 500,000 x 500,000 px take 30 MB; more means damage. */
const MAX_BYTES = 2 ** 28;
/** Limit of a text. XML descriptions have some 100 kB. */
const MAX_TEXT_BYTES = 2 ** 24;
/** Limit of the numbers that are read from a tag. No slide has more tiles. */
const MAX_VALUES = 2 ** 24;

interface Entry {
  readonly type: number;
  readonly count: number;
  readonly data: Buffer;
}

/** One directory of a TIFF: an image with its tags. */
export class TiffPage {
  /** Its SubIFDs (tag 330), such as smaller versions of the image. */
  readonly children: readonly TiffPage[];
  readonly #layout: Layout;
  readonly #entries: ReadonlyMap<number, Entry>;

  constructor(layout: Layout, entries: ReadonlyMap<number, Entry>, children: readonly TiffPage[]) {
    this.#layout = layout;
    this.#entries = entries;
    this.children = children;
  }

  has(tag: Tag): boolean {
    return this.#entries.has(tag);
  }

  /** Returns the first value of an integer tag, or `otherwise` if the tag is missing. */
  number(tag: Tag, otherwise: number): number {
    return this.numbers(tag, 1)[0] ?? otherwise;
  }

  /** Returns at most `most` values of an integer tag; none if it is missing. */
  numbers(tag: Tag, most = MAX_VALUES): number[] {
    const entry = this.#entries.get(tag);
    const bytes = SIZES[entry?.type ?? 0];
    if (entry === undefined || bytes === undefined || entry.type === RATIONAL) return [];
    return Array.from({ length: Math.min(most, entry.count) }, (_, at) =>
      numberAt(entry.data, at * bytes, bytes, this.#layout),
    );
  }

  /** Returns the first value of a RATIONAL tag. */
  fraction(tag: Tag): number | undefined {
    const entry = this.#entries.get(tag);
    if (entry === undefined || entry.type !== RATIONAL || entry.count < 1) return undefined;
    return numberAt(entry.data, 0, 4, this.#layout) / numberAt(entry.data, 4, 4, this.#layout);
  }

  /** Returns a text tag without trailing zeros, at most 16 MiB; empty if it is missing. */
  text(tag: Tag): string {
    const data = this.#entries.get(tag)?.data.subarray(0, MAX_TEXT_BYTES) ?? Buffer.alloc(0);
    return data.toString('utf8', 0, data.findLastIndex((byte) => byte !== 0) + 1);
  }

  /** Returns the bytes of a tag as they are stored. */
  bytes(tag: Tag): Buffer | undefined {
    return this.#entries.get(tag)?.data;
  }
}

/** A TIFF's pages in file order. */
export interface TiffPages {
  readonly isLittle: boolean;
  readonly pages: readonly TiffPage[];
}

/**
 * Reads all pages of a TIFF and their SubIFDs, with the tags that slides use. Supports both byte orders, classic TIFF and
 * BigTIFF.
 *
 * @returns The pages up to the first damaged one. Undefined if the file does not start like a TIFF.
 * @see TIFF 6.0, section 2; the BigTIFF design of AWare Systems
 */
export async function readTiffPages(source: ByteSource): Promise<TiffPages | undefined> {
  const head = await source.read(0, 16);
  const layout = layoutOf(head);
  if (layout === undefined) return undefined;
  const reading: Reading = { source, layout, seen: new Set(), bytes: 0 };
  const { seen } = reading;
  const pages: TiffPage[] = [];
  let at = layout.isBig ? numberAt(head, 8, 8, layout) : numberAt(head, 4, 4, layout);
  while (at > 0 && !seen.has(at) && seen.size < MAX_PAGES) {
    const found = await readPage(reading, at);
    if (found === undefined) break;
    pages.push(found.page);
    at = found.next;
  }
  return { isLittle: layout.isLittle, pages };
}

/** State while reading a TIFF. */
interface Reading {
  readonly source: ByteSource;
  readonly layout: Layout;
  /** Offsets of the pages read so far. */
  readonly seen: Set<number>;
  /** Bytes of tag values read so far. Limited, because a damaged file may point to the same bytes many times. */
  bytes: number;
}

/** Reads one page with its SubIFDs. Undefined if it is damaged. */
async function readPage(
  reading: Reading,
  at: number,
): Promise<{ readonly page: TiffPage; readonly next: number } | undefined> {
  const { source, layout, seen } = reading;
  seen.add(at);
  const [countBytes, entryBytes, offsetBytes] = layout.isBig ? [8, 20, 8] : [2, 12, 4];
  const start = await source.read(at, countBytes);
  if (start.length < countBytes) return undefined;
  const count = numberAt(start, 0, countBytes, layout);
  if (count > MAX_ENTRIES) return undefined;
  const body = await source.read(at + countBytes, count * entryBytes + offsetBytes);
  if (body.length < count * entryBytes) return undefined;
  const entries = new Map<number, Entry>();
  for (let from = 0; from < count * entryBytes; from += entryBytes) {
    const tag = numberAt(body, from, 2, layout);
    const entry = KNOWN.has(tag) ? await readEntry(reading, body.subarray(from, from + entryBytes)) : undefined;
    if (entry !== undefined) entries.set(tag, entry);
  }
  const children: TiffPage[] = [];
  for (const child of new TiffPage(layout, entries, []).numbers(TAG.subDirectories)) {
    if (child === 0 || seen.has(child) || seen.size >= MAX_PAGES) continue;
    const found = await readPage(reading, child);
    if (found !== undefined) children.push(found.page);
  }
  const hasNext = body.length === count * entryBytes + offsetBytes;
  const next = hasNext ? numberAt(body, count * entryBytes, offsetBytes, layout) : 0;
  return { page: new TiffPage(layout, entries, children), next };
}

/** Reads the values of an entry: from the entry itself if they fit, else from where it points to. */
async function readEntry(reading: Reading, entry: Buffer): Promise<Entry | undefined> {
  const { source, layout } = reading;
  const type = numberAt(entry, 2, 2, layout);
  const size = SIZES[type];
  if (size === undefined) return undefined;
  const [countBytes, place, room] = layout.isBig ? [8, 12, 8] : [4, 8, 4];
  const count = numberAt(entry, 4, countBytes, layout);
  const length = count * size;
  if (reading.bytes + length > MAX_BYTES) return undefined;
  const data =
    length <= room
      ? entry.subarray(place, place + length)
      : await source.read(numberAt(entry, place, room, layout), length);
  reading.bytes += data.length;
  return data.length < length ? undefined : { type, count, data };
}

/** Limit of one read, bytes. A damaged length must not use up all memory. */
const MAX_READ = 2 ** 29;

/**
 * Reads bytes at an offset of a file, with several calls if the system returns fewer at once.
 *
 * @returns Fewer bytes than `length` only if the file ends before.
 * @throws RangeError for more than 512 MiB.
 */
export async function readExactly(handle: FileHandle, offset: number, length: number): Promise<Buffer> {
  const { size } = await handle.stat();
  const available = Math.min(length, Math.max(0, size - offset));
  if (available > MAX_READ) throw new RangeError(`Expected at most ${MAX_READ} bytes at once, got ${available}`);
  const bytes = Buffer.alloc(available);
  let read = 0;
  while (read < available) {
    const { bytesRead } = await handle.read(bytes, read, available - read, offset + read);
    if (bytesRead === 0) break;
    read += bytesRead;
  }
  return bytes.subarray(0, read);
}
