import { Canvas } from 'canvas';
import sharp from 'sharp';
import { writeFileAtomic } from '../files/atomic-write.js';
import { drawScaleBar } from './scale-bar.js';
/** Pixel size of the images of the record. */
const MICROMETRES_PER_PX = 0.5;
/** Deflate level: beyond it, images of tissue get slower rather than smaller. */
const COMPRESSION = 1;
/** The white canvas of a figure. */
export function whiteCanvas({ width, height }) {
    const canvas = new Canvas(width, height);
    const context = canvas.getContext('2d');
    context.fillStyle = 'white';
    context.fillRect(0, 0, width, height);
    return canvas;
}
/** Writes one line of text with its middle at (x, y). */
export function drawCentred(context, text, font, x, y) {
    context.fillStyle = 'black';
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    context.font = font;
    context.fillText(text, x, y);
}
/** Draws a frame around a panel whose upper left corner is at (x, y). */
export function drawFrame(context, x, y, { width, height }) {
    context.strokeStyle = 'black';
    context.lineWidth = 2;
    context.strokeRect(x - 1, y - 1, width + 2, height + 2);
}
/** Draws a scale bar into the first panel. @param imageWidth - How much of the image a panel shows, in its px. */
export function drawPanelScaleBar(context, { panels, textSize }, { width, height }, imageWidth) {
    const [first] = panels;
    if (first === undefined)
        return;
    const micrometres = imageWidth * MICROMETRES_PER_PX;
    drawScaleBar(context, { ...first, width, height, micrometres }, 0.8 * textSize);
}
/** Writes a canvas as an opaque PNG. @throws ReigniteError NO_SPACE, NOT_WRITABLE. */
export async function writeFigure(out, canvas) {
    const raw = { width: canvas.width, height: canvas.height, channels: 4 };
    const png = await sharp(canvas.data(), { raw }).removeAlpha().png({ compressionLevel: COMPRESSION }).toBuffer();
    await writeFileAtomic(out, png);
}
