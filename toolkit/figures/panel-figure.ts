import { Canvas, type SKRSContext2D } from 'canvas';
import sharp from 'sharp';
import { writeFileAtomic } from '../files/atomic-write.ts';
import { FIGURE_FONT, withResolution } from './style.ts';

/** Positions and sizes, in px, of the parts that all figures with three panels have. */
export interface PanelLayout {
  readonly width: number;
  readonly height: number;
  readonly title: { readonly x: number; readonly y: number; readonly font: string };
  readonly panelTitleFont: string;
  /** Vertical centre of the panel titles. */
  readonly panelTitleY: number;
  readonly panels: readonly { readonly x: number; readonly y: number }[];
  /** Size of the smallest text, with which lines and ticks scale. */
  readonly textSize: number;
}

/** Text of a figure with panels; scales are relative to the smallest text. */
export interface PanelText {
  /** Size of the smallest text in px. */
  readonly size: number;
  readonly font: (scale: number) => string;
  /** Width of a line, in px. */
  readonly widthOf: (text: string, scale: number) => number;
}

/**
 * Returns text settings that scale with the panels, within limits.
 *
 * @param panel - Size of a panel in px.
 * @param context - Used to measure text.
 */
export function panelText(
  panel: { readonly width: number; readonly height: number },
  context: SKRSContext2D,
): PanelText {
  const size = Math.round(Math.min(34, Math.max(20, Math.max(panel.width, panel.height) / 28)));
  const font = (scale: number) => `${Math.round(size * scale)}px ${FIGURE_FONT}`;
  const widthOf = (text: string, scale: number) => {
    context.font = font(scale);
    return Math.ceil(context.measureText(text).width);
  };
  return { size, font, widthOf };
}

/** Places the title of a figure, centred and no wider than the figure. */
export function placeTitle(title: string, width: number, { size, font, widthOf }: PanelText): PanelLayout['title'] {
  const scale = Math.min(1.7, (1.7 * (width - 2 * size)) / widthOf(title, 1.7));
  return { x: Math.round(width / 2), y: Math.round(1.8 * size), font: font(scale) };
}

/** Returns the longest round length (1, 2 or 5 times a power of ten) that is at most a quarter of `width`, both in µm. */
export function roundLength(width: number): number {
  const longest = width / 4;
  const power = 10 ** Math.floor(Math.log10(longest));
  const lead = [5, 2].find((digit) => digit * power <= longest) ?? 1;
  return lead * power;
}

/**
 * Draws a scale bar with its length in the lower left corner of a panel, on a pale background so that it is readable on
 * any tissue. A panel that is too small for it gets none.
 *
 * @param panel - Position and size of the panel in px, and its width in µm.
 * @param textSize - Height of the text in px.
 */
function drawScaleBar(
  context: SKRSContext2D,
  panel: {
    readonly x: number;
    readonly y: number;
    readonly width: number;
    readonly height: number;
    readonly micrometres: number;
  },
  textSize: number,
): void {
  const micrometres = roundLength(panel.micrometres);
  const length = (micrometres / panel.micrometres) * panel.width;
  const text = `${micrometres} µm`;
  context.font = `${textSize}px ${FIGURE_FONT}`;
  const plateWidth = Math.ceil(Math.max(length, context.measureText(text).width) + textSize);
  const plateHeight = Math.ceil(2 * textSize);
  if (plateWidth > panel.width / 2 || plateHeight > panel.height / 2) return;
  const inset = Math.round(textSize / 2);
  const x = panel.x + inset;
  const y = panel.y + panel.height - inset - plateHeight;
  context.fillStyle = 'rgba(255, 255, 255, 0.75)';
  context.fillRect(x, y, plateWidth, plateHeight);
  context.fillStyle = 'black';
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  context.fillText(text, x + plateWidth / 2, y + 0.75 * textSize);
  context.fillRect(x + (plateWidth - length) / 2, y + 1.5 * textSize, length, Math.max(2, textSize / 6));
}

/** Pixel size of the record's images. */
const MICROMETRES_PER_PX = 0.5;
/** Deflate level. Higher levels hardly make images of tissue smaller, but take longer. */
const COMPRESSION = 1;

/** Creates the white canvas of a figure. */
export function whiteCanvas({ width, height }: PanelLayout): Canvas {
  const canvas = new Canvas(width, height);
  const context = canvas.getContext('2d');
  context.fillStyle = 'white';
  context.fillRect(0, 0, width, height);
  return canvas;
}

/** Draws a line of text centred at (x, y). */
export function drawCentred(context: SKRSContext2D, text: string, font: string, x: number, y: number): void {
  context.fillStyle = 'black';
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  context.font = font;
  context.fillText(text, x, y);
}

/** Draws a frame around a panel whose upper left corner is at (x, y). */
export function drawFrame(context: SKRSContext2D, x: number, y: number, { width, height }: PanelGrid): void {
  context.strokeStyle = 'black';
  context.lineWidth = 2;
  context.strokeRect(x - 1, y - 1, width + 2, height + 2);
}

/**
 * Draws a scale bar in the first panel.
 *
 * @param imageWidth - Width of the part of the image that a panel shows, in px of the image.
 */
export function drawPanelScaleBar(
  context: SKRSContext2D,
  { panels, textSize }: PanelLayout,
  { width, height }: PanelGrid,
  imageWidth: number,
): void {
  const [first] = panels;
  if (first === undefined) return;
  const micrometres = imageWidth * MICROMETRES_PER_PX;
  drawScaleBar(context, { ...first, width, height, micrometres }, 0.8 * textSize);
}

/** Writes a canvas as an opaque PNG. @throws ReigniteError NO_SPACE, NOT_WRITABLE. */
export async function writeFigure(out: string, canvas: Canvas): Promise<void> {
  const raw = { width: canvas.width, height: canvas.height, channels: 4 } as const;
  const png = await sharp(canvas.data(), { raw }).removeAlpha().png({ compressionLevel: COMPRESSION }).toBuffer();
  await writeFileAtomic(out, withResolution(png));
}

/** Part of an image, in px. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/**
 * Finds the smallest box that contains every pixel other than 0.
 *
 * Stray values that are not labels count too, as in evaluation.py.
 *
 * @param mask - height × width, row by row.
 * @returns Undefined if every pixel is 0.
 */
export function boundingBox(mask: Uint8Array, width: number): Box | undefined {
  const first = mask.findIndex((value) => value !== 0);
  if (first < 0) return undefined;
  const last = mask.findLastIndex((value) => value !== 0);
  const top = Math.floor(first / width);
  const bottom = Math.floor(last / width);
  let left = width;
  let right = -1;
  for (let row = top; row <= bottom; row++) {
    const start = row * width;
    let x = 0;
    while (x < left && mask[start + x] === 0) x++;
    left = x;
    x = width - 1;
    while (x > right && mask[start + x] === 0) x--;
    right = x;
  }
  return { x: left, y: top, width: right - left + 1, height: bottom - top + 1 };
}

/** Mapping of the pixels of a panel to those of an image. */
export interface PanelGrid {
  /** Size of the panel in px. */
  readonly width: number;
  readonly height: number;
  /** Length of a row of the image in px. */
  readonly imageWidth: number;
  /** Panel column k covers the image columns from `left[k]` to `right[k]` (exclusive). */
  readonly left: Int32Array;
  readonly right: Int32Array;
  /** The same for rows. */
  readonly top: Int32Array;
  readonly bottom: Int32Array;
}

/** Longest side of a panel in px; the authors' panels have about 480 px and the same content. */
const MAX_SIDE = 960;

/**
 * Maps a crop of an image to a panel of at most 960 px on its longer side.
 *
 * A larger crop is reduced, and every image pixel contributes to exactly one panel pixel. A smaller one is enlarged by
 * an integer factor, so that pixels stay sharp.
 */
export function panelGrid(box: Box, imageWidth: number): PanelGrid {
  const longest = Math.max(box.width, box.height);
  const factor = longest > MAX_SIDE ? MAX_SIDE / longest : Math.floor(MAX_SIDE / longest);
  const width = Math.max(1, Math.round(box.width * factor));
  const height = Math.max(1, Math.round(box.height * factor));
  const columns = spans(box.x, box.width, width);
  const rows = spans(box.y, box.height, height);
  return { width, height, imageWidth, left: columns.begin, right: columns.end, top: rows.begin, bottom: rows.end };
}

/**
 * Fills the pixels of a panel, row by row. A row that covers the same rows of the image as the one above is copied: most
 * rows of an enlarged image are.
 *
 * @param pixels - RGBA of the panel, row by row.
 * @param fill - Called for each of the other pixels with its index and the columns and rows of the image that it covers,
 *   ends exclusive.
 */
export function fillPanel(
  pixels: Uint8ClampedArray<ArrayBuffer>,
  { width, height, left, right, top, bottom }: PanelGrid,
  fill: (index: number, firstX: number, endX: number, firstY: number, endY: number) => void,
): void {
  for (let row = 0; row < height; row++) {
    const firstY = top[row] ?? 0;
    const endY = bottom[row] ?? 0;
    const start = row * width;
    if (row > 0 && top[row - 1] === firstY && bottom[row - 1] === endY) {
      pixels.copyWithin(4 * start, 4 * (start - width), 4 * start);
      continue;
    }
    for (let column = 0; column < width; column++) {
      fill(start + column, left[column] ?? 0, right[column] ?? 0, firstY, endY);
    }
  }
}

function spans(start: number, length: number, count: number): { begin: Int32Array; end: Int32Array } {
  const edge = (k: number) => start + Math.floor((k * length) / count);
  const begin = Int32Array.from({ length: count }, (_, k) => edge(k));
  return { begin, end: begin.map((first, k) => Math.max(first + 1, edge(k + 1))) };
}

/**
 * Draws an image in a panel. Each panel pixel is the mean of the image pixels that it covers, so that none is skipped.
 *
 * @param image - RGB, three bytes per pixel, row by row.
 * @returns Opaque RGBA of the panel, row by row.
 */
export function averageImage(image: Uint8Array, grid: PanelGrid): Uint8ClampedArray<ArrayBuffer> {
  const { imageWidth } = grid;
  const pixels = new Uint8ClampedArray(grid.width * grid.height * 4).fill(255);
  fillPanel(pixels, grid, (index, firstX, endX, firstY, endY) => {
    let red = 0;
    let green = 0;
    let blue = 0;
    for (let y = firstY; y < endY; y++) {
      const end = (y * imageWidth + endX) * 3;
      for (let k = (y * imageWidth + firstX) * 3; k < end; k += 3) {
        red += image[k] ?? 0;
        green += image[k + 1] ?? 0;
        blue += image[k + 2] ?? 0;
      }
    }
    const count = (endY - firstY) * (endX - firstX);
    const out = 4 * index;
    pixels[out] = red / count;
    pixels[out + 1] = green / count;
    pixels[out + 2] = blue / count;
  });
  return pixels;
}
