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

const [SHORT, LONG] = [3, 4];

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
