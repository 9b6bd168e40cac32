import { writeFile } from 'node:fs/promises';

/** One image of a synthetic slide: its stored tiles and its tags. */
export interface MadePage {
  readonly width: number;
  readonly height: number;
  /** Side of a tile, px. */
  readonly tile: number;
  /** Stored bytes of every tile, plane by plane; undefined omits a tile. */
  readonly tiles: readonly (Buffer | undefined)[];
  readonly samples?: number;
  /** Tags to add or replace: numbers as SHORT, text as ASCII, bytes as UNDEFINED, fractions as RATIONAL. */
  readonly tags?: Readonly<
    Record<number, readonly number[] | string | Buffer | { readonly fraction: readonly [number, number] }>
  >;
  /** Smaller versions to which this page refers as sub-images. */
  readonly children?: readonly MadePage[];
}

const [ASCII, SHORT, LONG, RATIONAL, UNDEFINED] = [2, 3, 4, 5, 7];
type Entry = readonly [tag: number, type: number, count: number, data: Buffer];

/** Writes a little-endian classic TIFF of tiled pages. */
export async function writeSlide(path: string, pages: readonly MadePage[]): Promise<void> {
  const parts: Buffer[] = [Buffer.from([0x49, 0x49, 42, 0, 0, 0, 0, 0])];
  let length = 8;
  const append = (bytes: Buffer): number => {
    const even = Buffer.concat([bytes, Buffer.alloc(bytes.length % 2)]);
    parts.push(even);
    length += even.length;
    return length - even.length;
  };
  /** Receives the offset of the next directory, so the last page is written first. */
  const writePage = (page: MadePage, next: number): number => {
    const children = (page.children ?? []).map((child) => writePage(child, 0));
    const offsets = page.tiles.map((tile) => (tile === undefined ? 0 : append(tile)));
    const entries = entriesOf(page, offsets, children);
    const rows = entries.map(([tag, type, count, data]) => {
      const head = Buffer.alloc(12);
      head.writeUInt16LE(tag, 0);
      head.writeUInt16LE(type, 2);
      head.writeUInt32LE(count, 4);
      if (data.length <= 4) data.copy(head, 8);
      else head.writeUInt32LE(append(data), 8);
      return head;
    });
    const count = Buffer.alloc(2);
    count.writeUInt16LE(entries.length);
    return append(Buffer.concat([count, ...rows, uint32(next)]));
  };
  let next = 0;
  for (const page of [...pages].reverse()) next = writePage(page, next);
  const file = Buffer.concat(parts);
  file.writeUInt32LE(next, 4);
  await writeFile(path, file);
}

function entriesOf(page: MadePage, offsets: readonly number[], children: readonly number[]): Entry[] {
  const { samples = 3, tiles } = page;
  const usual: Entry[] = [
    [256, LONG, 1, uint32(page.width)],
    [257, LONG, 1, uint32(page.height)],
    [258, SHORT, samples, shorts(Array(samples).fill(8))],
    [259, SHORT, 1, shorts([1])],
    [262, SHORT, 1, shorts([samples >= 3 ? 2 : 1])],
    [277, SHORT, 1, shorts([samples])],
    [322, LONG, 1, uint32(page.tile)],
    [323, LONG, 1, uint32(page.tile)],
    [324, LONG, offsets.length, Buffer.concat(offsets.map(uint32))],
    [325, LONG, offsets.length, Buffer.concat(tiles.map((tile) => uint32(tile?.length ?? 0)))],
  ];
  if (children.length > 0) usual.push([330, LONG, children.length, Buffer.concat(children.map(uint32))]);
  const named = new Map(usual.map((entry) => [entry[0], entry]));
  for (const [tag, value] of Object.entries(page.tags ?? {})) named.set(Number(tag), entryOf(Number(tag), value));
  return [...named.values()].sort(([a], [b]) => a - b);
}

function entryOf(tag: number, value: NonNullable<MadePage['tags']>[number]): Entry {
  if (typeof value === 'string') return [tag, ASCII, Buffer.byteLength(value) + 1, Buffer.from(`${value}\0`)];
  if (Buffer.isBuffer(value)) return [tag, UNDEFINED, value.length, value];
  if ('fraction' in value) return [tag, RATIONAL, 1, Buffer.concat(value.fraction.map(uint32))];
  return [tag, SHORT, value.length, shorts(value)];
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function shorts(values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(2 * values.length);
  for (const [at, value] of values.entries()) bytes.writeUInt16LE(value, 2 * at);
  return bytes;
}
