import { type FileHandle, open } from 'node:fs/promises';
import { replaceFile } from '../files/atomic-write.ts';
import type { Ring } from './ring-store.ts';

const BUFFER_BYTES = 256 * 1024;
const ZERO = 48;
const MINUS = 45;
/** Bytes that a character or a number may take. */
const MAX_BYTES_PER_CHARACTER = 4;
const MAX_DIGITS = 12;

/**
 * Writes text and whole numbers through one buffer. Outlines are hundreds of megabytes of digits: made as strings they
 * are garbage faster than it is collected, a gigabyte of it.
 */
export class TextFile {
  readonly #handle: FileHandle;
  readonly #buffer = Buffer.allocUnsafe(BUFFER_BYTES);
  #used = 0;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  /** Whether so much is waiting that it should be flushed before more comes. */
  get isFull(): boolean {
    return this.#used > BUFFER_BYTES / 2;
  }

  /** @param text - Shorter than half the buffer. */
  text(text: string): void {
    if (text.length * MAX_BYTES_PER_CHARACTER > BUFFER_BYTES / 2) throw new RangeError('Expected a short text');
    this.#used += this.#buffer.write(text, this.#used);
  }

  /** @param code - Of an ASCII character. */
  character(code: number): void {
    this.#buffer[this.#used++] = code;
  }

  /** @param value - A whole number within 32 bits. */
  integer(value: number): void {
    let rest = Math.abs(value);
    if (value < 0) this.#buffer[this.#used++] = MINUS;
    let digits = 1;
    for (let bound = 10; bound <= rest; bound *= 10) digits++;
    for (let at = this.#used + digits - 1; at >= this.#used; at--) {
      this.#buffer[at] = ZERO + (rest % 10);
      rest = Math.floor(rest / 10);
    }
    this.#used += digits;
  }

  /** Whether `count` more numbers, with a character next to each, find room. */
  hasRoomFor(count: number): boolean {
    return this.#used + count * (MAX_DIGITS + MAX_BYTES_PER_CHARACTER) < BUFFER_BYTES / 2;
  }

  async flush(): Promise<void> {
    let written = 0;
    while (written < this.#used) {
      const { bytesWritten } = await this.#handle.write(this.#buffer, written, this.#used - written);
      written += bytesWritten;
    }
    this.#used = 0;
  }
}

/** How a class is called and shown; QuPath takes both from a feature's `classification`. */
export interface Classification {
  readonly name: string;
  /** Red, green, blue, each 0..255. */
  readonly color: readonly [number, number, number];
}

/** One object of an image: a feature of GeoJSON with the properties that QuPath reads. */
export interface ImageFeature {
  readonly geometry:
    | { readonly type: 'Polygon'; readonly rings: readonly Ring[] }
    | { readonly type: 'Point'; readonly coordinates: readonly [number, number] };
  /** `annotation`: a region; `detection`: something counted. */
  readonly objectType: 'annotation' | 'detection';
  readonly classification: Classification;
  /** Shown by QuPath in its table. */
  readonly measurements: Readonly<Record<string, number>>;
}

/** What the coordinates of a file are of. */
export interface ImageFrame {
  readonly width: number;
  readonly height: number;
  /** µm per px, where it is known. */
  readonly mpp?: number;
}

const OPEN = '['.charCodeAt(0);
const CLOSE = ']'.charCodeAt(0);
const COMMA = ','.charCodeAt(0);

/**
 * Writes the objects of an image as a FeatureCollection (RFC 7946), one feature per line, in little memory.
 *
 * The coordinates are pixels of the image, not longitude and latitude: x to the right, y downwards, (0, 0) the upper
 * left corner of the first pixel. That is what QuPath expects, and what the member `imageCoordinates` says.
 *
 * @returns Number of features.
 * @throws ReigniteError NO_SPACE, NOT_WRITABLE.
 */
export async function writeFeatures(
  path: string,
  frame: ImageFrame,
  features: Iterable<ImageFeature>,
): Promise<number> {
  let count = 0;
  await replaceFile(path, async (temporary) => {
    const handle = await open(temporary, 'wx');
    try {
      const file = new TextFile(handle);
      const imageCoordinates = { unit: 'px', origin: 'upper left corner', y: 'down', ...frame };
      file.text(`{"type":"FeatureCollection","imageCoordinates":${JSON.stringify(imageCoordinates)},"features":[`);
      for (const feature of features) {
        file.text(count === 0 ? '\n' : ',\n');
        await writeFeature(file, feature);
        count++;
      }
      file.text('\n]}\n');
      await file.flush();
      await handle.sync();
    } finally {
      await handle.close();
    }
  });
  return count;
}

async function writeFeature(file: TextFile, { geometry, ...properties }: ImageFeature): Promise<void> {
  file.text(`{"type":"Feature","geometry":{"type":"${geometry.type}","coordinates":`);
  if (geometry.type === 'Point') file.text(JSON.stringify(geometry.coordinates));
  else await writeRings(file, geometry.rings);
  file.text(`},"properties":${JSON.stringify(properties)}}`);
  if (file.isFull) await file.flush();
}

/** Closes every ring with its first corner. */
async function writeRings(file: TextFile, rings: readonly Ring[]): Promise<void> {
  file.text('[');
  for (const [index, { corners, from, to }] of rings.entries()) {
    file.text(index === 0 ? '[' : ',[');
    for (let at = from; at < to; at += 2) {
      if (!file.hasRoomFor(2)) await file.flush();
      writeCorner(file, corners, at);
      file.character(COMMA);
    }
    if (!file.hasRoomFor(2)) await file.flush();
    writeCorner(file, corners, from);
    file.text(']');
  }
  file.text(']');
}

function writeCorner(file: TextFile, corners: ArrayLike<number>, at: number): void {
  file.character(OPEN);
  file.integer(corners[at] ?? 0);
  file.character(COMMA);
  file.integer(corners[at + 1] ?? 0);
  file.character(CLOSE);
}
