import { Canvas, ImageData, type SKRSContext2D } from 'canvas';
import { HE_LABELS, NO_LABEL_COLOUR, type Rgb, type TissueLabel } from '../dataset/tissue-labels.ts';
import { ReigniteError } from '../errors.ts';
import {
  averageImage,
  type Box,
  boundingBox,
  drawCentred,
  drawFrame,
  drawPanelScaleBar,
  fillPanel,
  type PanelGrid,
  type PanelLayout,
  panelGrid,
  panelText,
  placeTitle,
  whiteCanvas,
  writeFigure,
} from './panel-figure.ts';
import { registerFonts } from './style.ts';

const PANEL_TITLES = ['Input image', 'Ground truth', 'Prediction'] as const;
const LEGEND_TITLE = 'Labels';

/** Positions and sizes of the parts of a case figure, in px. */
export interface CaseLayout extends PanelLayout {
  readonly legend: { readonly x: number; readonly y: number; readonly rowHeight: number; readonly font: string };
}

/**
 * Computes the layout of a case figure: a title, three panels side by side, the legend of labels on the right.
 *
 * Text scales with the panels, so that it has the same relative size as in the authors' figure, in which a label is 20
 * px high and the figure 1,983 px wide.
 *
 * @param panel - Size of a panel in px.
 * @param context - Used to measure text.
 */
export function caseLayout(
  title: string,
  panel: { readonly width: number; readonly height: number },
  context: SKRSContext2D,
): CaseLayout {
  const text = panelText(panel, context);
  const { size: textSize, font, widthOf } = text;
  const margin = textSize;
  const slot = Math.max(panel.width, ...PANEL_TITLES.map((text) => widthOf(text, 1.2) + margin));
  const legendWidth = 2 * textSize + Math.max(...HE_LABELS.map(({ name }) => widthOf(name, 1)));
  const rowHeight = Math.round(Math.min(1.7 * textSize, Math.max(1.3 * textSize, panel.height / HE_LABELS.length)));
  const panelTitleY = Math.round(4.3 * textSize);
  const top = panelTitleY + textSize;
  const content = Math.max(panel.height, rowHeight * HE_LABELS.length);
  const slots = 3 * slot + 3 * margin;
  const width = 2 * margin + slots + legendWidth;
  const y = top + Math.floor((content - panel.height) / 2);
  return {
    width,
    height: top + content + margin,
    title: placeTitle(title, width, text),
    panelTitleFont: font(1.2),
    panelTitleY: panelTitleY + y - top,
    panels: PANEL_TITLES.map((_, k) => ({ x: margin + k * (slot + margin) + Math.floor((slot - panel.width) / 2), y })),
    legend: {
      x: margin + slots,
      y: top + Math.floor((content - rowHeight * HE_LABELS.length) / 2),
      rowHeight,
      font: font(1),
    },
    textSize,
  };
}

/** Value of pixels that were not predicted (scope `annotated`). */
const NOT_PREDICTED = 255;

const TRUTH_COLOURS = labelColours(HE_LABELS);
const PREDICTION_COLOURS = labelColours(HE_LABELS, NOT_PREDICTED);

/** Pixels of an image or a mask, row by row. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

export interface CaseFigureInput {
  /** Stem of the ROI's prediction, `..._with_context`. */
  readonly roi: string;
  /** RGB, three bytes per pixel. */
  readonly image: Pixels;
  /** One label per pixel. */
  readonly truth: Pixels;
  /** One label per pixel; 255 where nothing was predicted. */
  readonly prediction: Pixels;
  /** The PNG to write, `figures/he/cases/<roi>.png`. */
  readonly out: string;
}

export type CaseFigureResult =
  | { readonly drawn: true; readonly path: string; readonly crop: Box }
  | { readonly drawn: false; readonly reason: string };

/**
 * Draws the figure of one ROI like evaluation.py: the image, its annotation and its prediction (labels over the image
 * at half opacity), cropped to the annotation's bounding box, with a legend of all 17 labels.
 *
 * A mask without annotation has no bounding box. The authors' code fails there; here, no figure is written and the
 * reason is returned. A scale bar is added.
 *
 * @throws ReigniteError SIZE_MISMATCH when image and masks differ in size; NO_SPACE, NOT_WRITABLE.
 */
export async function drawCaseFigure(input: CaseFigureInput): Promise<CaseFigureResult> {
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

function expectOneSize({ roi, image, truth, prediction }: CaseFigureInput): void {
  const sizeOf = ({ width, height }: Pixels) => `${width} x ${height} px`;
  for (const [kind, pixels, channels] of [
    ['image', image, 3],
    ['annotation', truth, 1],
    ['prediction', prediction, 1],
  ] as const) {
    const isWhole = pixels.data.length === pixels.width * pixels.height * channels;
    if (!isWhole || sizeOf(pixels) !== sizeOf(truth)) {
      const cause = `The ${kind} of ${roi} is ${sizeOf(pixels)} (${pixels.data.length} bytes), its annotation ${sizeOf(truth)}.`;
      throw new ReigniteError('SIZE_MISMATCH', cause);
    }
  }
}

function drawCase(
  title: string,
  grid: PanelGrid,
  crop: Box,
  panels: readonly Uint8ClampedArray<ArrayBuffer>[],
): Canvas {
  const layout = caseLayout(title, grid, new Canvas(1, 1).getContext('2d'));
  const canvas = whiteCanvas(layout);
  const context = canvas.getContext('2d');
  drawCentred(context, title, layout.title.font, layout.title.x, layout.title.y);
  layout.panels.forEach(({ x, y }, index) => {
    const pixels = panels[index];
    if (pixels !== undefined) context.putImageData(new ImageData(pixels, grid.width, grid.height), x, y);
    drawFrame(context, x, y, grid);
    drawCentred(context, PANEL_TITLES[index] ?? '', layout.panelTitleFont, x + grid.width / 2, layout.panelTitleY);
  });
  drawLegend(context, layout);
  drawPanelScaleBar(context, layout, grid, crop.width);
  return canvas;
}

function drawLegend(context: SKRSContext2D, { legend, panelTitleFont, textSize }: CaseLayout): void {
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

/** Colours of the 256 values of a mask, by channel. */
interface LabelColours {
  readonly red: Uint8Array;
  readonly green: Uint8Array;
  readonly blue: Uint8Array;
  /** 1 if the value is drawn, 0 if it leaves the image unchanged (its colour is then 0). */
  readonly isDrawn: Uint8Array;
}

/**
 * Returns the colour of every mask value; values that are not a label are grey, as in evaluation.py.
 *
 * @param hidden - A value that is not drawn, such as 255 for "not predicted".
 */
export function labelColours(labels: readonly TissueLabel[], hidden?: number): LabelColours {
  const colourOf = (value: number): Rgb => (value === hidden ? [0, 0, 0] : (labels[value]?.colour ?? NO_LABEL_COLOUR));
  const channel = (index: 0 | 1 | 2) => Uint8Array.from({ length: 256 }, (_, value) => colourOf(value)[index]);
  const isDrawn = Uint8Array.from({ length: 256 }, (_, value) => (value === hidden ? 0 : 1));
  return { red: channel(0), green: channel(1), blue: channel(2), isDrawn };
}

/**
 * Draws labels over a panel at half opacity. Each panel pixel is the mean over the image pixels that it covers.
 *
 * @param base - RGBA of the panel, as returned by {@link averageImage}.
 * @param labels - Mask of the whole image, one byte per pixel, row by row.
 * @returns A new RGBA of the panel, row by row.
 */
export function overlayLabels(
  base: Uint8ClampedArray<ArrayBuffer>,
  labels: Uint8Array,
  grid: PanelGrid,
  colours: LabelColours,
): Uint8ClampedArray<ArrayBuffer> {
  const { imageWidth } = grid;
  const { red, green, blue, isDrawn } = colours;
  const pixels = base.slice();
  fillPanel(pixels, grid, (index, firstX, endX, firstY, endY) => {
    let reds = 0;
    let greens = 0;
    let blues = 0;
    let drawn = 0;
    for (let y = firstY; y < endY; y++) {
      const end = y * imageWidth + endX;
      for (let k = y * imageWidth + firstX; k < end; k++) {
        const label = labels[k] ?? 0;
        reds += red[label] ?? 0;
        greens += green[label] ?? 0;
        blues += blue[label] ?? 0;
        drawn += isDrawn[label] ?? 0;
      }
    }
    const twice = 2 * (endY - firstY) * (endX - firstX);
    const kept = 1 - drawn / twice;
    const out = 4 * index;
    pixels[out] = (base[out] ?? 0) * kept + reds / twice;
    pixels[out + 1] = (base[out + 1] ?? 0) * kept + greens / twice;
    pixels[out + 2] = (base[out + 2] ?? 0) * kept + blues / twice;
  });
  return pixels;
}
