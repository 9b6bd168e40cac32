import { Canvas, ImageData } from 'canvas';
import { HE_LABELS } from '../dataset/he-labels.js';
import { ReigniteError } from '../errors.js';
import { averageImage } from './average-image.js';
import { boundingBox } from './bounding-box.js';
import { caseLayout, LEGEND_TITLE, PANEL_TITLES } from './case-layout.js';
import { registerFonts } from './fonts.js';
import { labelColours } from './label-colours.js';
import { overlayLabels } from './overlay-labels.js';
import { drawCentred, drawFrame, drawPanelScaleBar, whiteCanvas, writeFigure } from './panel-figure.js';
import { panelGrid } from './panel-grid.js';
/** A prediction of 255 means that nothing was predicted there (scope `annotated`). */
const NOT_PREDICTED = 255;
const TRUTH_COLOURS = labelColours(HE_LABELS);
const PREDICTION_COLOURS = labelColours(HE_LABELS, NOT_PREDICTED);
/**
 * Draws the figure of one ROI as evaluation.py does: the image, its annotation and its prediction (labels over the
 * image at half opacity), cropped to the annotation's bounding box, beside a strip of all 17 labels.
 *
 * A mask without annotation has no box: the authors' code fails there; here no figure is written and the reason
 * returned. A scale bar is added.
 *
 * @throws ReigniteError SIZE_MISMATCH when image and masks differ in size; NO_SPACE, NOT_WRITABLE.
 */
export async function drawCaseFigure(input) {
    const { roi, image, truth, prediction, out } = input;
    expectOneSize(input);
    const crop = boundingBox(truth.data, truth.width);
    if (crop === undefined)
        return { drawn: false, reason: `The annotation of ${roi} is empty: there is nothing to crop to` };
    registerFonts();
    const grid = panelGrid(crop, truth.width);
    const panel = averageImage(image.data, grid);
    const canvas = drawCase(`Evaluation plot for ${roi}`, grid, crop, [
        panel,
        overlayLabels(panel, truth.data, grid, TRUTH_COLOURS),
        overlayLabels(panel, prediction.data, grid, PREDICTION_COLOURS),
    ]);
    await writeFigure(out, canvas);
    return { drawn: true, path: out, crop };
}
function expectOneSize({ roi, image, truth, prediction }) {
    const sizeOf = ({ width, height }) => `${width} x ${height} px`;
    for (const [kind, pixels, channels] of [
        ['image', image, 3],
        ['annotation', truth, 1],
        ['prediction', prediction, 1],
    ]) {
        const isWhole = pixels.data.length === pixels.width * pixels.height * channels;
        if (!isWhole || sizeOf(pixels) !== sizeOf(truth)) {
            const cause = `The ${kind} of ${roi} is ${sizeOf(pixels)} (${pixels.data.length} bytes), its annotation ${sizeOf(truth)}.`;
            throw new ReigniteError('SIZE_MISMATCH', cause);
        }
    }
}
function drawCase(title, grid, crop, panels) {
    const layout = caseLayout(title, grid, new Canvas(1, 1).getContext('2d'));
    const canvas = whiteCanvas(layout);
    const context = canvas.getContext('2d');
    drawCentred(context, title, layout.title.font, layout.title.x, layout.title.y);
    layout.panels.forEach(({ x, y }, index) => {
        const pixels = panels[index];
        if (pixels !== undefined)
            context.putImageData(new ImageData(pixels, grid.width, grid.height), x, y);
        drawFrame(context, x, y, grid);
        drawCentred(context, PANEL_TITLES[index] ?? '', layout.panelTitleFont, x + grid.width / 2, layout.panelTitleY);
    });
    drawLegend(context, layout);
    drawPanelScaleBar(context, layout, grid, crop.width);
    return canvas;
}
function drawLegend(context, { legend, panelTitleFont, textSize }) {
    const { x, y, rowHeight, font } = legend;
    const swatch = Math.round(1.2 * textSize);
    context.textBaseline = 'middle';
    context.textAlign = 'left';
    context.fillStyle = 'black';
    context.font = panelTitleFont;
    context.fillText(LEGEND_TITLE, x, y - textSize);
    context.font = font;
    context.lineWidth = 2;
    HE_LABELS.forEach(({ name, colour }, index) => {
        const top = y + index * rowHeight;
        const middle = top + rowHeight / 2;
        context.fillStyle = `rgb(${colour.join(', ')})`;
        context.fillRect(x, top, swatch, rowHeight);
        context.fillStyle = 'black';
        context.fillRect(x + swatch, Math.round(middle) - 1, 0.25 * textSize, 2);
        context.fillText(name, x + swatch + 0.55 * textSize, middle);
    });
    context.strokeStyle = 'black';
    context.strokeRect(x, y, swatch, rowHeight * HE_LABELS.length);
}
