import { Canvas, type SKRSContext2D } from 'canvas';
import sharp from 'sharp';
import { writeFileAtomic } from '../files/atomic-write.ts';
import type { PanelGrid } from './panel-grid.ts';
import type { PanelLayout } from './panel-layout.ts';
import { drawScaleBar } from './scale-bar.ts';

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
  await writeFileAtomic(out, png);
}
