import { type FileHandle, open } from 'node:fs/promises';
import { replaceFile } from '../files/atomic-write.ts';
import type { Ring } from './rings.ts';
import { simplifyRings } from './simplify-rings.ts';
import { type LabelMask, traceRegions } from './trace-regions.ts';

/** Options of `writeRegions`. */
export interface WriteRegionsOptions {
  /** Labels to write, with names and colours. Other labels are left out. */
  readonly classes: ReadonlyMap<number, Classification>;
  /** µm per px of the frame, if known. */
  readonly mpp?: number;
  /** px of the frame per px of the mask, at least 1. Default 1. */
  readonly scale?: number;
  /** Size of the image to which coordinates refer, px. Default: that of the mask. */
  readonly frame?: { readonly width: number; readonly height: number };
  /** Tolerance of smoothing borders, px of the mask. Default 0: exact pixel edges. */
  readonly simplify?: number;
  /** Regions with fewer pixels of the mask are left out; holes are kept. Default 0: all regions are written. */
  readonly minArea?: number;
}

/** Regions too small to be written. */
export interface LeftOut {
  readonly regions: number;
  /** Pixels of the frame in these regions together. */
  readonly pixels: number;
}

/**
 * Writes the connected regions of a mask as GeoJSON polygons with holes. Every ring is closed; exterior rings are
 * counter-clockwise and holes clockwise, as [RFC 7946](https://www.rfc-editor.org/rfc/rfc7946#section-3.1.6) requires.
 *
 * Every polygon is valid according to OGC Simple Features, also after simplification.
 *
 * @returns Number of regions written, and what was left out.
 * @throws ReigniteError NO_SPACE, NOT_WRITABLE.
 * @example
 * await writeRegions('mask.geojson', mask, { classes: new Map([[1, { name: 'Tumour', color: [200, 0, 0] }]]) });
 */
export async function writeRegions(
  path: string,
  mask: LabelMask,
  options: WriteRegionsOptions,
): Promise<{ readonly regions: number; readonly leftOut: LeftOut }> {
  const { width, height } = options.frame ?? mask;
  const frame = { width, height, ...(options.mpp !== undefined && { mpp: options.mpp }) };
  const leftOut = { regions: 0, pixels: 0 };
  const features = regionFeatures(mask, options, (pixels) => {
    leftOut.regions += 1;
    leftOut.pixels += pixels;
  });
  return { regions: await writeFeatures(path, frame, features), leftOut };
}

/** Yields one feature per region of a mask. */
function* regionFeatures(
  mask: LabelMask,
  { classes, mpp, scale = 1, simplify = 0, minArea = 0 }: WriteRegionsOptions,
  onLeftOut: (pixels: number) => void,
): Generator<ImageFeature> {
  for (const region of traceRegions(mask, (label) => classes.has(label))) {
    const classification = classes.get(region.label);
    if (classification === undefined) continue;
    if (region.area < minArea) {
      onLeftOut(Math.round(region.area * scale * scale));
      continue;
    }
    const rings = [region.exterior, ...region.holes].map((ring) => (scale === 1 ? ring : scaled(ring, scale)));
    const area = region.area * scale * scale;
    yield {
      geometry: { type: 'Polygon', rings: simplifyRings(rings, simplify * scale) },
      objectType: 'annotation',
      classification,
      measurements: {
        'Area px^2': area,
        ...(mpp !== undefined && { 'Area mm^2': (area * mpp * mpp) / 1e6 }),
      },
    };
  }
}

/** Scales a ring to px of the frame. With a scale of at least 1, rounding keeps different coordinates apart and in order. */
function scaled({ corners, from, to }: Ring, scale: number): Ring {
  const moved = Int32Array.from({ length: to - from }, (_, at) => Math.round((corners[from + at] ?? 0) * scale));
  return { corners: moved, from: 0, to: moved.length };
}

const BUFFER_BYTES = 256 * 1024;
const ZERO = 48;
const MINUS = 45;
/** Maximum number of bytes of a character. */
const MAX_BYTES_PER_CHARACTER = 4;
/** Maximum number of bytes of an integer. */
const MAX_DIGITS = 12;

/**
 * Writes text and integers through one buffer. Outlines may take hundreds of megabytes; as strings, they would leave up to
 * a gigabyte of garbage in memory.
 */
export class TextFile {
  readonly #handle: FileHandle;
  readonly #buffer = Buffer.allocUnsafe(BUFFER_BYTES);
  #used = 0;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  /** Whether the buffer should be flushed before more is written. */
  get isFull(): boolean {
    return this.#used > BUFFER_BYTES / 2;
  }

  /** Writes a text, which must be shorter than half the buffer. */
  text(text: string): void {
    if (text.length * MAX_BYTES_PER_CHARACTER > BUFFER_BYTES / 2) throw new RangeError('Expected a short text');
    this.#used += this.#buffer.write(text, this.#used);
  }

  /** Writes an ASCII character. */
  character(code: number): void {
    this.#buffer[this.#used++] = code;
  }

  /** Writes a 32-bit integer. */
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

  /** Returns whether `count` more integers fit into the buffer, with one character after each. */
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

/** Name and colour of a class, which QuPath reads from a feature's `classification`. */
export interface Classification {
  readonly name: string;
  /** Red, green, blue, each 0..255. */
  readonly color: readonly [number, number, number];
}

/** One object of an image: a GeoJSON feature with the properties that QuPath reads. */
export interface ImageFeature {
  readonly geometry:
    | { readonly type: 'Polygon'; readonly rings: readonly Ring[] }
    | { readonly type: 'Point'; readonly coordinates: readonly [number, number] };
  /** `annotation` for regions, `detection` for cells. */
  readonly objectType: 'annotation' | 'detection';
  readonly classification: Classification;
  /** Shown in QuPath's table of measurements. */
  readonly measurements: Readonly<Record<string, number>>;
}

/** The image to which the coordinates of a file refer, px. */
interface ImageFrame {
  readonly width: number;
  readonly height: number;
  /** µm per px, if known. */
  readonly mpp?: number;
}

const OPEN = '['.charCodeAt(0);
const CLOSE = ']'.charCodeAt(0);
const COMMA = ','.charCodeAt(0);

/**
 * Writes the objects of an image as a FeatureCollection (RFC 7946), one feature per line, with little memory.
 *
 * Coordinates are pixels of the image, not longitude and latitude: x to the right, y downwards, with (0, 0) at the upper
 * left corner of the first pixel. This is what QuPath expects, and is stated in the member `imageCoordinates`.
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

/** Writes rings, closing each with its first corner. */
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
