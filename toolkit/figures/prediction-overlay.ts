import { Canvas, ImageData, type SKRSContext2D } from 'canvas';
import sharp from 'sharp';
import { replaceFile } from '../files/atomic-write.ts';
import type { LabelMask } from '../geojson/trace-regions.ts';
import type { Classification } from '../geojson/write-features.ts';
import type { DecodedImage } from '../image/accepted-image.ts';
import { makeMarker, stampMarker } from './cells-figure-markers.ts';
import { FIGURE_FONT, registerFonts } from './style.ts';

/** A class in a legend: text such as "Stroma 12.3 %" after a square of its colour. */
export interface LegendEntry {
  readonly color: readonly [number, number, number];
  readonly text: string;
}

export interface Legend {
  readonly entries: readonly LegendEntry[];
  /** Reasons why the numbers may be misleading, one sentence each. */
  readonly cautions: readonly string[];
}

/** RGBA of a strip, row by row. */
export interface LegendStrip {
  readonly width: number;
  readonly height: number;
  readonly data: Buffer;
}

/** Smallest width of a strip in px. */
const NARROWEST = 420;
const MAX_ENTRIES = 32;
const [MARGIN, LINE, SWATCH, GAP] = [10, 20, 12, 18];
const FONT = `13px ${FIGURE_FONT}`;
const BOLD = `bold 13px ${FIGURE_FONT}`;

interface Placed {
  readonly x: number;
  readonly y: number;
  readonly text: string;
  readonly color?: LegendEntry['color'];
}

/**
 * Draws a legend as a strip for the bottom of a picture: the classes with their colours, then the cautions.
 *
 * @param pictureWidth - Width of the strip in px, which is at least 420 px.
 */
function drawLegend({ entries, cautions }: Legend, pictureWidth: number): LegendStrip {
  registerFonts();
  const width = Math.max(NARROWEST, pictureWidth);
  const measure = new Canvas(1, 1).getContext('2d');
  const placed = placeEntries(measure, named(entries), width);
  const legendBottom = (placed.at(-1)?.y ?? MARGIN - LINE) + LINE;
  measure.font = BOLD;
  const lines = cautions.flatMap((caution) => wrapped(measure, caution, width - 2 * MARGIN));
  const height = legendBottom + lines.length * LINE + MARGIN;
  const canvas = new Canvas(width, height);
  const context = canvas.getContext('2d');
  context.fillStyle = 'white';
  context.fillRect(0, 0, width, height);
  context.textBaseline = 'middle';
  context.font = FONT;
  for (const entry of placed) drawEntry(context, entry);
  context.font = BOLD;
  context.fillStyle = 'rgb(170, 0, 0)';
  for (const [index, line] of lines.entries()) context.fillText(line, MARGIN, legendBottom + (index + 0.5) * LINE);
  return { width, height, data: canvas.data() };
}

/** Limits the entries to the maximum of a legend, with a text for the number of others. */
function named(entries: readonly LegendEntry[]): readonly Omit<Placed, 'x' | 'y'>[] {
  if (entries.length === 0) return [{ text: 'Nothing was found.' }];
  if (entries.length <= MAX_ENTRIES) return entries;
  return [...entries.slice(0, MAX_ENTRIES), { text: `and ${entries.length - MAX_ENTRIES} more classes` }];
}

function placeEntries(context: SKRSContext2D, entries: readonly Omit<Placed, 'x' | 'y'>[], width: number): Placed[] {
  context.font = FONT;
  let [x, y] = [MARGIN, MARGIN];
  return entries.map((entry) => {
    const text = shortened(context, entry.text, width - 2 * MARGIN - SWATCH - 6);
    const wide = SWATCH + 6 + context.measureText(text).width + GAP;
    if (x > MARGIN && x + wide - GAP > width - MARGIN) [x, y] = [MARGIN, y + LINE];
    const at = { ...entry, text, x, y };
    x += wide;
    return at;
  });
}

function drawEntry(context: SKRSContext2D, { x, y, text, color }: Placed): void {
  const middle = y + LINE / 2;
  if (color !== undefined) {
    context.fillStyle = `rgb(${color.join(', ')})`;
    context.fillRect(x, middle - SWATCH / 2, SWATCH, SWATCH);
    context.strokeStyle = 'rgb(90, 90, 90)';
    context.strokeRect(x + 0.5, middle - SWATCH / 2 + 0.5, SWATCH - 1, SWATCH - 1);
  }
  context.fillStyle = 'black';
  context.fillText(text, x + (color === undefined ? 0 : SWATCH + 6), middle);
}

function wrapped(context: SKRSContext2D, text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (line !== '' && context.measureText(longer).width > width) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  return line === '' ? lines : [...lines, line];
}

function shortened(context: SKRSContext2D, text: string, width: number): string {
  let [short, end] = [text, ''];
  while (short.length > 1 && context.measureText(short + end).width > width) [short, end] = [short.slice(0, -1), '…'];
  return short + end;
}

/** Longest side of a picture in px. Larger images are reduced, which limits memory. */
const MAX_SIDE = 4_096;
const COMPRESSION = 3;
const MAX_PIXELS = 2 ** 31;
/** Width of a cell's marker in px of the picture. */
const MARKER = 9;

/**
 * Size in px of the drawn image, which may be reduced. The file also contains the legend below, and is at least 420 px
 * wide.
 */
export interface Overlay {
  readonly width: number;
  readonly height: number;
}

/**
 * Draws labels over their image at half opacity.
 *
 * @param hidden - Values that are not drawn.
 * @throws ReigniteError NO_SPACE, NOT_WRITABLE.
 */
export async function drawTissueOverlay(
  image: DecodedImage,
  mask: LabelMask,
  classes: ReadonlyMap<number, Classification>,
  legend: Legend,
  out: string,
): Promise<Overlay> {
  const { pixels, width, height } = await shrink(image);
  const columns = Uint32Array.from({ length: width }, (_, x) => Math.floor(((x + 0.5) * mask.width) / width));
  for (let y = 0, at = 0; y < height; y++) {
    const row = Math.floor(((y + 0.5) * mask.height) / height) * mask.width;
    for (let x = 0; x < width; x++, at += 3) {
      const colour = classes.get(mask.data[row + (columns[x] ?? 0)] ?? 0)?.color;
      if (colour === undefined) continue;
      pixels[at] = ((pixels[at] ?? 0) + colour[0]) / 2;
      pixels[at + 1] = ((pixels[at + 1] ?? 0) + colour[1]) / 2;
      pixels[at + 2] = ((pixels[at + 2] ?? 0) + colour[2]) / 2;
    }
  }
  await writePicture(out, { data: pixels, width, height, channels: 3 }, legend);
  return { width, height };
}

/** A cell to mark. */
export interface MarkedCell {
  readonly x: number;
  readonly y: number;
  readonly class: number;
}

/**
 * Marks cells on their image with circles in the colours of their classes.
 *
 * @param classes - Colours by class index.
 * @throws ReigniteError NO_SPACE, NOT_WRITABLE.
 */
export async function drawCellsOverlay(
  image: DecodedImage,
  cells: readonly MarkedCell[],
  classes: readonly Classification[],
  legend: Legend,
  out: string,
): Promise<Overlay> {
  const { pixels, width, height } = await shrink(image);
  const canvas = new Canvas(width, height);
  const context = canvas.getContext('2d');
  putRgb(context, pixels, width, height);
  const markers = classes.map(({ color }) => makeMarker(1, `rgb(${color.join(', ')})`, MARKER));
  for (const { x, y, class: of } of cells) {
    const marker = markers[of];
    if (marker !== undefined) stampMarker(context, marker, (x * width) / image.width, (y * height) / image.height);
  }
  await writePicture(out, { data: canvas.data(), width, height, channels: 4 }, legend);
  return { width, height };
}

async function shrink({ data, width, height }: DecodedImage) {
  const factor = Math.min(1, MAX_SIDE / Math.max(width, height));
  if (factor === 1) return { pixels: data, width, height };
  const size = { width: Math.max(1, Math.round(width * factor)), height: Math.max(1, Math.round(height * factor)) };
  const picture = sharp(data, { raw: { width, height, channels: 3 }, limitInputPixels: MAX_PIXELS });
  const { data: pixels } = await picture
    .resize({ ...size, fit: 'fill', kernel: 'linear' })
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true });
  return { pixels, ...size };
}

function putRgb(context: SKRSContext2D, rgb: Uint8Array, width: number, height: number): void {
  const rgba = new Uint8ClampedArray(4 * width * height).fill(255);
  for (let from = 0, to = 0; from < rgb.length; from += 3, to += 4) {
    rgba[to] = rgb[from] ?? 0;
    rgba[to + 1] = rgb[from + 1] ?? 0;
    rgba[to + 2] = rgb[from + 2] ?? 0;
  }
  context.putImageData(new ImageData(rgba, width, height), 0, 0);
}

interface Picture {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
  readonly channels: 3 | 4;
}

/** Writes a picture with its legend below, so that the picture is in the upper left of the file, unscaled. */
async function writePicture(out: string, picture: Picture, legend: Legend): Promise<void> {
  const strip = drawLegend(legend, picture.width);
  const { width } = strip;
  const height = picture.height + strip.height;
  const pixels = new Uint8Array(3 * width * height).fill(255);
  copyInto(pixels, width, picture, 0);
  copyInto(pixels, width, { ...strip, channels: 4 }, picture.height);
  await replaceFile(out, async (temporary) => {
    const raw = { width, height, channels: 3 } as const;
    await sharp(pixels, { raw, limitInputPixels: MAX_PIXELS }).png({ compressionLevel: COMPRESSION }).toFile(temporary);
  });
}

/** Copies RGB without alpha into an image of `width` px, starting at row `top`. */
function copyInto(pixels: Uint8Array, width: number, picture: Picture, top: number): void {
  const { data, channels } = picture;
  for (let row = 0, from = 0; row < picture.height; row++) {
    let to = 3 * (top + row) * width;
    for (let column = 0; column < picture.width; column++, from += channels, to += 3) {
      pixels[to] = data[from] ?? 0;
      pixels[to + 1] = data[from + 1] ?? 0;
      pixels[to + 2] = data[from + 2] ?? 0;
    }
  }
}
