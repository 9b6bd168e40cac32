import { Canvas, ImageData } from 'canvas';
import { CELL_CLASSES } from '../dataset/readers.js';
import { ReigniteError } from '../errors.js';
import { averageImage } from './average-image.js';
import { CELL_PANELS, cellsLayout } from './cells-figure-layout.js';
import { CLASS_COLOURS, makeMarker, stampMarker } from './cells-figure-markers.js';
import { registerFonts } from './fonts.js';
import { drawCentred, drawFrame, drawPanelScaleBar, whiteCanvas, writeFigure } from './panel-figure.js';
import { panelGrid } from './panel-grid.js';
/** A marker is this part of the panel's longer side, as in the authors' figures ... */
const MARKER_SHARE = 1 / 54;
/** ... and smaller where points are many, down to this. */
const SMALLEST_SHARE = 1 / 110;
/**
 * Draws the figure of one image of a detection task as the authors' inference_utils.py does: the image, the readers'
 * points and the AI's, coloured by class, with the annotated part dashed. Readers differ in shape.
 *
 * Where the authors' code fails (no AI points, a fifth reader) this one goes on. Legends stand below the panels, where
 * they hide nothing; a scale bar is added; markers shrink where they would cover each other.
 *
 * @throws ReigniteError SIZE_MISMATCH when the image has not the bytes that its size asks for; NO_SPACE, NOT_WRITABLE.
 */
export async function drawCellsFigure(input) {
    const { width, height, data } = input.image;
    if (data.length !== width * height * 3) {
        const cause = `The image ${input.fileName} is ${width} x ${height} px, but has ${data.length} bytes.`;
        throw new ReigniteError('SIZE_MISMATCH', cause);
    }
    registerFonts();
    await writeFigure(input.out, drawFigure(input, panelGrid({ x: 0, y: 0, width, height }, width)));
}
function drawFigure(input, grid) {
    const { task, image, readers, ai, annotatedXyxy } = input;
    const legends = [['annotated part'], readers.map((_, k) => `Reader ${k + 1}`), CELL_CLASSES[task]];
    const title = `Evaluation plot for ${input.fileName}`;
    const layout = cellsLayout(title, grid, legends, new Canvas(1, 1).getContext('2d'));
    const canvas = whiteCanvas(layout);
    const context = canvas.getContext('2d');
    drawCentred(context, title, layout.title.font, layout.title.x, layout.title.y);
    const pixels = new ImageData(averageImage(image.data, grid), grid.width, grid.height);
    const marks = [
        [],
        readers.map((points, by) => ({ by, points })),
        [{ by: 'AI', points: ai }],
    ];
    const scale = { x: grid.width / image.width, y: grid.height / image.height };
    layout.panels.forEach((panel, k) => {
        context.putImageData(pixels, panel.x, panel.y);
        context.save();
        context.beginPath();
        context.rect(panel.x, panel.y, grid.width, grid.height);
        context.clip();
        context.translate(panel.x, panel.y);
        drawAnnotatedPart(context, annotatedXyxy, scale, layout.textSize);
        drawPoints(context, marks[k] ?? [], scale, grid);
        context.restore();
        drawFrame(context, panel.x, panel.y, grid);
        drawCentred(context, CELL_PANELS[k] ?? '', layout.panelTitleFont, panel.middle, layout.panelTitleY);
    });
    drawLegends(context, layout);
    drawPanelScaleBar(context, layout, grid, image.width);
    return canvas;
}
/** Black dashes over a pale line, so that they are seen on dark stain too. */
function drawAnnotatedPart(context, [left, top, right, bottom], scale, textSize) {
    const box = [left * scale.x, top * scale.y, (right - left) * scale.x, (bottom - top) * scale.y];
    context.lineWidth = textSize / 7;
    context.strokeStyle = 'rgba(255, 255, 255, 0.6)';
    context.strokeRect(...box);
    context.strokeStyle = 'black';
    context.setLineDash([textSize / 2, textSize / 4]);
    context.strokeRect(...box);
    context.setLineDash([]);
}
/** The middle of pixel (x, y) is half a pixel from its corner. */
function drawPoints(context, marks, scale, grid) {
    const size = markerSize(grid, marks.reduce((count, { points }) => count + points.length, 0));
    for (const { by, points } of marks) {
        const markers = CLASS_COLOURS.map((colour) => makeMarker(by, colour, size));
        for (const point of points) {
            const marker = markers[point.class];
            if (marker !== undefined)
                stampMarker(context, marker, (point.x + 0.5) * scale.x, (point.y + 0.5) * scale.y);
        }
    }
}
function markerSize({ width, height }, count) {
    const side = Math.max(width, height);
    const spacing = Math.sqrt((width * height) / Math.max(1, count));
    return Math.min(side * MARKER_SHARE, Math.max(side * SMALLEST_SHARE, 0.55 * spacing));
}
/** Shapes mean readers, colours classes: a reader's shape is shown without a colour. */
function drawLegends(context, layout) {
    const { textSize } = layout;
    context.font = layout.legendFont;
    context.textAlign = 'left';
    context.textBaseline = 'middle';
    layout.panels.forEach(({ legend }, panel) => {
        legend.forEach(({ text, x, y, textX }, k) => {
            context.fillStyle = 'black';
            context.fillText(text, textX, y);
            if (panel === 0)
                drawDash(context, x, y, textSize);
            else if (panel === 1)
                stampMarker(context, makeMarker(k, 'white', 0.8 * textSize), x, y);
            else
                stampMarker(context, makeMarker('AI', CLASS_COLOURS[k] ?? 'white', 0.8 * textSize), x, y);
        });
    });
}
function drawDash(context, x, y, textSize) {
    context.strokeStyle = 'black';
    context.lineWidth = textSize / 7;
    context.setLineDash([textSize / 2, textSize / 4]);
    context.beginPath();
    context.moveTo(x - 1.25 * textSize, y);
    context.lineTo(x + 0.5 * textSize, y);
    context.stroke();
    context.setLineDash([]);
}
