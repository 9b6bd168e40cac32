import type { FileHandle } from 'node:fs/promises';

/** Bytes of a file or of a part of one. */
export interface ByteSource {
  /** Reads up to `length` bytes at `offset`; fewer at the end. */
  read(offset: number, length: number): Promise<Buffer>;
}

/** Returns the bytes of an open file. */
export function bytesIn(file: FileHandle): ByteSource {
  return {
    async read(offset, length) {
      const bytes = Buffer.alloc(length);
      const { bytesRead } = await file.read(bytes, 0, length, offset);
      return bytes.subarray(0, bytesRead);
    },
  };
}

/** Values of the requested tags, by tag. Only integers are read. */
export type TiffDirectory = ReadonlyMap<number, readonly number[]>;

/** Directories form a linked list, which may be endless in a damaged file. */
const MAX_DIRECTORIES = 10_000;
const MAX_ENTRIES = 4_096;
const MAX_VALUES = 64;
/** Bytes per value of the types BYTE, SHORT, LONG, UNDEFINED, IFD, LONG8 and IFD8. */
const SIZES: Readonly<Record<number, number>> = { 1: 1, 3: 2, 4: 4, 7: 1, 13: 4, 16: 8, 18: 8 };

/** Byte order of a TIFF, and whether it is a BigTIFF. */
export interface Layout {
  readonly isLittle: boolean;
  readonly isBig: boolean;
}

/**
 * Reads the directories (pages) of a TIFF, classic or BigTIFF, in either byte order.
 *
 * @param tags - Numbers of the tags to read.
 * @returns One entry per page in file order; undefined if the file does not start like a TIFF.
 * @see TIFF 6.0, section 2
 */
export async function readTiffDirectories(
  source: ByteSource,
  tags: ReadonlySet<number>,
): Promise<readonly TiffDirectory[] | undefined> {
  const head = await source.read(0, 16);
  const layout = layoutOf(head);
  if (layout === undefined) return undefined;
  const found: TiffDirectory[] = [];
  const seen = new Set<number>();
  let at = layout.isBig ? numberAt(head, 8, 8, layout) : numberAt(head, 4, 4, layout);
  while (at > 0 && !seen.has(at) && found.length < MAX_DIRECTORIES) {
    seen.add(at);
    const page = await readDirectory(source, at, layout, tags);
    if (page === undefined) break;
    found.push(page.directory);
    at = page.next;
  }
  return found;
}

/** Reads the layout of a TIFF from its first 16 bytes; undefined if they are not the start of a TIFF. */
export function layoutOf(head: Buffer): Layout | undefined {
  const order = head.toString('latin1', 0, 2);
  if (head.length < 8 || (order !== 'II' && order !== 'MM')) return undefined;
  const isLittle = order === 'II';
  const version = numberAt(head, 2, 2, { isLittle, isBig: false });
  if (version === 42) return { isLittle, isBig: false };
  return version === 43 && head.length === 16 ? { isLittle, isBig: true } : undefined;
}

async function readDirectory(
  source: ByteSource,
  at: number,
  layout: Layout,
  tags: ReadonlySet<number>,
): Promise<{ readonly directory: TiffDirectory; readonly next: number } | undefined> {
  const [countBytes, entryBytes, offsetBytes] = layout.isBig ? [8, 20, 8] : [2, 12, 4];
  const start = await source.read(at, countBytes);
  if (start.length < countBytes) return undefined;
  const count = numberAt(start, 0, countBytes, layout);
  if (count > MAX_ENTRIES) return undefined;
  const body = await source.read(at + countBytes, count * entryBytes + offsetBytes);
  const directory = new Map<number, readonly number[]>();
  for (let from = 0; from + entryBytes <= Math.min(body.length, count * entryBytes); from += entryBytes) {
    const tag = numberAt(body, from, 2, layout);
    if (!tags.has(tag)) continue;
    const values = await readValues(source, body.subarray(from, from + entryBytes), layout);
    if (values !== undefined) directory.set(tag, values);
  }
  const hasNext = body.length === count * entryBytes + offsetBytes;
  return { directory, next: hasNext ? numberAt(body, count * entryBytes, offsetBytes, layout) : 0 };
}

/** Reads the values of an entry: from the entry itself if they fit, else from where it points to. */
async function readValues(source: ByteSource, entry: Buffer, layout: Layout): Promise<readonly number[] | undefined> {
  const bytes = SIZES[numberAt(entry, 2, 2, layout)];
  if (bytes === undefined) return undefined;
  const [countBytes, place, room] = layout.isBig ? [8, 12, 8] : [4, 8, 4];
  const count = Math.min(MAX_VALUES, numberAt(entry, 4, countBytes, layout));
  const isInside = count * bytes <= room && numberAt(entry, 4, countBytes, layout) * bytes <= room;
  const data = isInside
    ? entry.subarray(place)
    : await source.read(numberAt(entry, place, room, layout), count * bytes);
  if (data.length < count * bytes) return undefined;
  return Array.from({ length: count }, (_, index) => numberAt(data, index * bytes, bytes, layout));
}

/**
 * Returns a copy of a TIFF in which a tag of its first page has another value.
 *
 * @param tag - One with a single SHORT.
 * @throws RangeError if the page has no such tag.
 */
export function setTiffValue(file: Buffer, tag: number, value: number): Buffer {
  const layout = layoutOf(file.subarray(0, 16));
  if (layout === undefined) throw new RangeError('Expected a TIFF');
  const [countBytes, entryBytes, valueAt] = layout.isBig ? [8, 20, 12] : [2, 12, 8];
  const directory = layout.isBig ? numberAt(file, 8, 8, layout) : numberAt(file, 4, 4, layout);
  const count = numberAt(file, directory, countBytes, layout);
  const changed = Buffer.from(file);
  for (let entry = 0; entry < Math.min(count, MAX_ENTRIES); entry++) {
    const at = directory + countBytes + entry * entryBytes;
    if (numberAt(file, at, 2, layout) !== tag) continue;
    if (layout.isLittle) changed.writeUInt16LE(value, at + valueAt);
    else changed.writeUInt16BE(value, at + valueAt);
    return changed;
  }
  throw new RangeError(`Expected the tag ${tag}`);
}

/** Reads an unsigned integer of 1 to 8 bytes. With 8 bytes, it is exact up to 2^53. */
export function numberAt(bytes: Buffer, at: number, length: number, { isLittle }: Layout): number {
  if (length === 8) return Number(isLittle ? bytes.readBigUInt64LE(at) : bytes.readBigUInt64BE(at));
  return isLittle ? bytes.readUIntLE(at, length) : bytes.readUIntBE(at, length);
}
