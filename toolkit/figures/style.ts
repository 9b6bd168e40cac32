import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { crc32 } from 'node:zlib';
import { GlobalFonts } from 'canvas';
import type { Config } from 'vega-lite';

const SHIPPED = 'DejaVu Sans';
const FILES = ['DejaVuSans.ttf', 'DejaVuSans-Bold.ttf'];

/** Font of every figure. The first one is shipped and used for PNG; the others are for viewers of the SVG. */
export const FIGURE_FONT = `${SHIPPED}, Verdana, sans-serif`;

let isRegistered = false;

/**
 * Registers the font of the figures, which the authors' figures also use, with the canvas and so with Vega.
 *
 * Otherwise text would depend on the fonts of the machine, or be missing if there are none.
 *
 * @throws Error when the font files cannot be read.
 */
export function registerFonts(): void {
  if (isRegistered) return;
  const folder = join(dirname(createRequire(import.meta.url).resolve('dejavu-fonts-ttf/package.json')), 'ttf');
  for (const file of FILES) {
    if (GlobalFonts.registerFromPath(join(folder, file), SHIPPED) === null) {
      throw new Error(`The font ${join(folder, file)} is not readable`);
    }
  }
  isRegistered = true;
}

const AXIS = { domainColor: 'black', tickColor: 'black', labelColor: 'black', titleColor: 'black' };

const CONFIG: Config = {
  font: FIGURE_FONT,
  title: { fontSize: 16.5, fontWeight: 'normal', color: 'black', anchor: 'middle', offset: 8 },
  axis: {
    ...AXIS,
    grid: false,
    labelFontSize: 10.5,
    titleFontSize: 12,
    titleFontWeight: 'normal',
    labelLimit: 0,
    labelPadding: 4,
    titlePadding: 8,
  },
};

/** Common style of all Vega-Lite figures: black on white like the authors', in the shipped font. */
export const FIGURE_STYLE: {
  readonly $schema: string;
  readonly background: string;
  readonly padding: number;
  // Named here, because TypeScript cannot name its parts where packages are linked, as pnpm does.
  readonly config: Config;
} = {
  $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
  background: 'white',
  padding: 10,
  config: CONFIG,
};

/** For a field that contains colours instead of values to map to colours. */
export const LITERAL_COLOUR = { type: 'nominal', scale: null } as const;

/** Resolution of the authors' figures, which determines their physical size in a document. */
const FIGURE_DPI = 150;

const SIGNATURE_BYTES = 8;
/** Bytes of length, type and checksum of a chunk. */
const CHUNK_BYTES = 12;
const INCH = 0.0254;
const PER_METRE = 1;

/**
 * Sets the physical resolution of a PNG (chunk pHYs), replacing an existing one. The pixels do not change.
 *
 * @param dpi - Resolution in px per inch.
 * @see PNG specification, 11.3.4.3
 */
export function withResolution(png: Uint8Array, dpi = FIGURE_DPI): Uint8Array {
  const bytes = Buffer.from(png.buffer, png.byteOffset, png.byteLength);
  const chunks = chunksOf(bytes);
  const [header, ...others] = chunks;
  if (header === undefined) throw new RangeError('Expected the bytes of a PNG');
  const kept = others.filter((chunk) => typeOf(chunk) !== 'pHYs');
  return Buffer.concat([bytes.subarray(0, SIGNATURE_BYTES), header, physicalSize(dpi), ...kept]);
}

function chunksOf(bytes: Buffer): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = SIGNATURE_BYTES; at + CHUNK_BYTES <= bytes.length; ) {
    const end = at + CHUNK_BYTES + bytes.readUInt32BE(at);
    chunks.push(bytes.subarray(at, end));
    at = end;
  }
  return chunks;
}

function typeOf(chunk: Buffer): string {
  return chunk.toString('latin1', 4, 8);
}

function physicalSize(dpi: number): Buffer {
  const perMetre = Math.round(dpi / INCH);
  const chunk = Buffer.alloc(CHUNK_BYTES + 9);
  chunk.writeUInt32BE(9, 0);
  chunk.write('pHYs', 4, 'latin1');
  chunk.writeUInt32BE(perMetre, 8);
  chunk.writeUInt32BE(perMetre, 12);
  chunk.writeUInt8(PER_METRE, 16);
  chunk.writeUInt32BE(crc32(chunk.subarray(4, 17)), 17);
  return chunk;
}
