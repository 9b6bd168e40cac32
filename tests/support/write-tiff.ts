import { writeFile } from 'node:fs/promises';

/** An uncompressed TIFF, whose tags a test may falsify. */
export interface TiffOptions {
  readonly width: number;
  readonly height: number;
  /** Bytes of one page in file order, samples in the byte order of the file. */
  readonly pixels: Uint8Array;
  readonly samples?: number;
  readonly bits?: number;
  readonly photometric?: number;
  /** Tags to add or replace, as SHORT. */
  readonly tags?: Readonly<Record<number, readonly number[]>>;
  readonly isLittle?: boolean;
  readonly isBig?: boolean;
  readonly pages?: number;
}

/** Types of values. */
const [ASCII, SHORT, LONG, RATIONAL, UNDEFINED] = [2, 3, 4, 5, 7];

/** Writes a TIFF of one strip per page. */
export async function writeTiff(path: string, options: TiffOptions): Promise<void> {
  await writeFile(path, tiff(options));
}

export function tiff(options: TiffOptions): Buffer {
  const { pixels, isLittle = true, isBig = false, pages = 1 } = options;
  const writer = new Writer(isLittle, isBig);
  const parts: Buffer[] = [];
  let at = isBig ? 16 : 8;
  for (let page = 0; page < pages; page++) {
    const data = Buffer.concat([pixels, Buffer.alloc(pixels.length % 2)]);
    const start = at + data.length;
    const directory = directoryOf(options, at, writer, start, page < pages - 1 ? data.length : undefined);
    parts.push(data, directory);
    at = start + directory.length;
  }
  const first = (isBig ? 16 : 8) + pixels.length + (pixels.length % 2);
  return Buffer.concat([writer.head(first), ...parts]);
}

function directoryOf(
  { width, height, pixels, samples = 1, bits = 8, photometric = samples >= 3 ? 2 : 1, tags = {} }: TiffOptions,
  strip: number,
  writer: Writer,
  start: number,
  nextPixels: number | undefined,
): Buffer {
  const values = new Map<number, readonly [number, readonly number[]]>([
    [256, [LONG, [width]]],
    [257, [LONG, [height]]],
    [258, [SHORT, Array(samples).fill(bits)]],
    [259, [SHORT, [1]]],
    [262, [SHORT, [photometric]]],
    [273, [LONG, [strip]]],
    [277, [SHORT, [samples]]],
    [278, [LONG, [height]]],
    [279, [LONG, [pixels.length]]],
    [284, [SHORT, [1]]],
  ]);
  for (const [tag, numbers] of Object.entries(tags)) values.set(Number(tag), [SHORT, numbers]);
  return writer.directory(
    [...values].sort(([a], [b]) => a - b),
    start,
    nextPixels,
  );
}

class Writer {
  readonly #isLittle: boolean;
  readonly #isBig: boolean;

  constructor(isLittle: boolean, isBig: boolean) {
    this.#isLittle = isLittle;
    this.#isBig = isBig;
  }

  head(first: number): Buffer {
    const order = Buffer.from(this.#isLittle ? 'II' : 'MM', 'latin1');
    if (!this.#isBig) return Buffer.concat([order, this.#number(42, 2), this.#number(first, 4)]);
    return Buffer.concat([order, this.#number(43, 2), this.#number(8, 2), this.#number(0, 2), this.#number(first, 8)]);
  }

  directory(
    entries: readonly (readonly [number, readonly [number, readonly number[]]])[],
    start: number,
    nextPixels: number | undefined,
  ): Buffer {
    const [count, place] = this.#isBig ? [8, 8] : [2, 4];
    const length = count + entries.length * (4 + 2 * place) + place;
    const overflow: Buffer[] = [];
    let free = start + length;
    const rows = entries.map(([tag, [type, numbers]]) => {
      const data = Buffer.concat(numbers.map((value) => this.#number(value, type === SHORT ? 2 : 4)));
      const head = [this.#number(tag, 2), this.#number(type, 2), this.#number(numbers.length, place)];
      if (data.length <= place) return Buffer.concat([...head, data, Buffer.alloc(place - data.length)]);
      const padded = Buffer.concat([data, Buffer.alloc(data.length % 2)]);
      overflow.push(padded);
      free += padded.length;
      return Buffer.concat([...head, this.#number(free - padded.length, place)]);
    });
    // The pixels of the next page follow this directory, and the next directory follows them.
    const next = nextPixels === undefined ? 0 : free + nextPixels;
    return Buffer.concat([this.#number(entries.length, count), ...rows, this.#number(next, place), ...overflow]);
  }

  #number(value: number, bytes: number): Buffer {
    const buffer = Buffer.alloc(bytes);
    if (bytes === 8 && this.#isLittle) buffer.writeBigUInt64LE(BigInt(value));
    else if (bytes === 8) buffer.writeBigUInt64BE(BigInt(value));
    else if (this.#isLittle) buffer.writeUIntLE(value, 0, bytes);
    else buffer.writeUIntBE(value, 0, bytes);
    return buffer;
  }
}

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
