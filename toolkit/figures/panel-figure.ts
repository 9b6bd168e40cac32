import { Canvas, type SKRSContext2D } from 'canvas';
import sharp from 'sharp';
import { writeFileAtomic } from '../files/atomic-write.ts';
import { FIGURE_FONT } from './fonts.ts';
import type { PanelGrid } from './panel-grid.ts';
import { withResolution } from './png-resolution.ts';

/** Where the parts go that every figure of three panels has, in px. */
export interface PanelLayout {
  readonly width: number;
  readonly height: number;
  readonly title: { readonly x: number; readonly y: number; readonly font: string };
  readonly panelTitleFont: string;
  /** Middle of the line of panel titles. */
  readonly panelTitleY: number;
  readonly panels: readonly { readonly x: number; readonly y: number }[];
  /** Size of the smallest text; lines and ticks follow it. */
  readonly textSize: number;
}

/** Text of a figure of panels; scales are relative to its smallest. */
export interface PanelText {
  /** Of the smallest text, in px. */
  readonly size: number;
  readonly font: (scale: number) => string;
  /** Width of a line, in px. */
  readonly widthOf: (text: string, scale: number) => number;
}

/**
 * Text that grows with the panels, within limits.
 *
 * @param panel - Size of a panel in px.
 * @param context - Measures text.
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

/** The title of a figure, in the middle of its width and no wider than it. */
export function placeTitle(title: string, width: number, { size, font, widthOf }: PanelText): PanelLayout['title'] {
  const scale = Math.min(1.7, (1.7 * (width - 2 * size)) / widthOf(title, 1.7));
  return { x: Math.round(width / 2), y: Math.round(1.8 * size), font: font(scale) };
}

/**
 * The longest round length (1, 2 or 5 times a power of ten) that is at most a quarter of `width`, both in µm.
 */
export function roundLength(width: number): number {
  const longest = width / 4;
  const power = 10 ** Math.floor(Math.log10(longest));
  const lead = [5, 2].find((digit) => digit * power <= longest) ?? 1;
  return lead * power;
}

/**
 * Draws a scale bar with its length into the lower left corner of a panel, on a pale plate so that it can be read on
 * any tissue. A panel too narrow for the text gets none.
 *
 * @param panel - Place and size of the panel in px, and what its width is in µm.
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

/** Pixel size of the images of the record. */
const MICROMETRES_PER_PX = 0.5;
/** Deflate level: beyond it, images of tissue get slower rather than smaller. */
const COMPRESSION = 1;

/** The white canvas of a figure. */
export function whiteCanvas({ width, height }: PanelLayout): Canvas {
  const canvas = new Canvas(width, height);
  const context = canvas.getContext('2d');
  context.fillStyle = 'white';
  context.fillRect(0, 0, width, height);
  return canvas;
}

/** Writes one line of text with its middle at (x, y). */
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

/** Draws a scale bar into the first panel. @param imageWidth - How much of the image a panel shows, in its px. */
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
