import { Canvas, ImageData, type SKRSContext2D } from 'canvas';
import type { CellTask } from '../../config/tasks.ts';
import { ReigniteError } from '../errors.ts';
import type { CellPoint } from '../metrics/points-file.ts';
import { CELL_COLOURS_CSS } from '../models/class-colours.ts';
import { cellDefinition } from '../tasks/registry.ts';
import { type MarkedBy, type Marker, makeMarker, stampMarker } from './cells-figure-markers.ts';
import {
  averageImage,
  drawCentred,
  drawFrame,
  drawPanelScaleBar,
  type PanelGrid,
  type PanelLayout,
  panelGrid,
  panelText,
  placeTitle,
  whiteCanvas,
  writeFigure,
} from './panel-figure.ts';
import { registerFonts } from './style.ts';

/** Size of a marker relative to the panel's longer side, as in the authors' figures. */
const MARKER_SHARE = 1 / 54;
/** ... Smallest relative size, for images with many points. */
const SMALLEST_SHARE = 1 / 110;

export interface CellsFigureInput {
  readonly task: CellTask;
  /** Name of the image's file, for the title. */
  readonly fileName: string;
  /** RGB, three bytes per pixel, row by row. */
  readonly image: { readonly width: number; readonly height: number; readonly data: Uint8Array };
  /** The annotated part in px: left, top, right, bottom. */
  readonly annotatedXyxy: readonly [number, number, number, number];
  /** Points of the readers who annotated the image. Readers are numbered from 1 in this order. */
  readonly readers: readonly (readonly CellPoint[])[];
  readonly ai: readonly CellPoint[];
  /** The PNG to write, `figures/pdl1/<task>/<stem>.png`. */
  readonly out: string;
}

/**
 * Draws the figure of one image of a detection task like the authors' inference_utils.py: the image, the readers'
 * points and the AI's points, coloured by class, with a dashed box around the annotated part. Each reader has a shape.
 *
 * Unlike the authors' code, this one does not fail without AI points or with a fifth reader. Legends are below the
 * panels, where they hide nothing, a scale bar is added, and markers are smaller if they would overlap.
 *
 * @throws ReigniteError SIZE_MISMATCH when the number of bytes of the image does not match its size; NO_SPACE,
 * NOT_WRITABLE.
 */
export async function drawCellsFigure(input: CellsFigureInput): Promise<void> {
  const { width, height, data } = input.image;
  if (data.length !== width * height * 3) {
    const cause = `The image ${input.fileName} is ${width} x ${height} px, but has ${data.length} bytes.`;
    throw new ReigniteError('SIZE_MISMATCH', cause);
  }
  registerFonts();
  await writeFigure(input.out, drawFigure(input, panelGrid({ x: 0, y: 0, width, height }, width)));
}

function drawFigure(input: CellsFigureInput, grid: PanelGrid): Canvas {
  const { task, image, readers, ai, annotatedXyxy } = input;
  const legends = [['annotated part'], readers.map((_, k) => `Reader ${k + 1}`), cellDefinition(task).classes];
  const title = `Evaluation plot for ${input.fileName}`;
  const layout = cellsLayout(title, grid, legends, new Canvas(1, 1).getContext('2d'));
  const canvas = whiteCanvas(layout);
  const context = canvas.getContext('2d');
  drawCentred(context, title, layout.title.font, layout.title.x, layout.title.y);
  const pixels = new ImageData(averageImage(image.data, grid), grid.width, grid.height);
  const marks: readonly (readonly Marks[])[] = [
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

interface Scale {
  readonly x: number;
  readonly y: number;
}

/** Draws black dashes over a pale line, so that they are visible on dark stain too. */
function drawAnnotatedPart(
  context: SKRSContext2D,
  [left, top, right, bottom]: CellsFigureInput['annotatedXyxy'],
  scale: Scale,
  textSize: number,
): void {
  const box = [left * scale.x, top * scale.y, (right - left) * scale.x, (bottom - top) * scale.y] as const;
  context.lineWidth = textSize / 7;
  context.strokeStyle = 'rgba(255, 255, 255, 0.6)';
  context.strokeRect(...box);
  context.strokeStyle = 'black';
  context.setLineDash([textSize / 2, textSize / 4]);
  context.strokeRect(...box);
  context.setLineDash([]);
}

interface Marks {
  readonly by: MarkedBy;
  readonly points: readonly CellPoint[];
}

/** Draws markers at the centres of pixels, which are half a pixel from their corners. */
function drawPoints(context: SKRSContext2D, marks: readonly Marks[], scale: Scale, grid: PanelGrid): void {
  const size = markerSize(
    grid,
    marks.reduce((count, { points }) => count + points.length, 0),
  );
  for (const { by, points } of marks) {
    const markers: Marker[] = CELL_COLOURS_CSS.map((colour) => makeMarker(by, colour, size));
    for (const point of points) {
      const marker = markers[point.class];
      if (marker !== undefined) stampMarker(context, marker, (point.x + 0.5) * scale.x, (point.y + 0.5) * scale.y);
    }
  }
}

function markerSize({ width, height }: PanelGrid, count: number): number {
  const side = Math.max(width, height);
  const spacing = Math.sqrt((width * height) / Math.max(1, count));
  return Math.min(side * MARKER_SHARE, Math.max(side * SMALLEST_SHARE, 0.55 * spacing));
}

/** Draws the legends. Shapes show readers and colours show classes, so that readers' shapes are white. */
function drawLegends(context: SKRSContext2D, layout: CellsLayout): void {
  const { textSize } = layout;
  context.font = layout.legendFont;
  context.textAlign = 'left';
  context.textBaseline = 'middle';
  layout.panels.forEach(({ legend }, panel) => {
    legend.forEach(({ text, x, y, textX }, k) => {
      context.fillStyle = 'black';
      context.fillText(text, textX, y);
      if (panel === 0) drawDash(context, x, y, textSize);
      else if (panel === 1) stampMarker(context, makeMarker(k, 'white', 0.8 * textSize), x, y);
      else stampMarker(context, makeMarker('AI', CELL_COLOURS_CSS[k] ?? 'white', 0.8 * textSize), x, y);
    });
  });
}

function drawDash(context: SKRSContext2D, x: number, y: number, textSize: number): void {
  context.strokeStyle = 'black';
  context.lineWidth = textSize / 7;
  context.setLineDash([textSize / 2, textSize / 4]);
  context.beginPath();
  context.moveTo(x - 1.25 * textSize, y);
  context.lineTo(x + 0.5 * textSize, y);
  context.stroke();
  context.setLineDash([]);
}

const CELL_PANELS = ['Input image', 'Reader predictions', 'AI predictions'] as const;

/** A marker in a panel's legend: its text and its position in px. */
interface LegendEntry {
  readonly text: string;
  /** Middle of the marker. */
  readonly x: number;
  readonly y: number;
  /** Left edge of the text. */
  readonly textX: number;
}

/** Positions and sizes of the parts of a figure of cells, in px. */
interface CellsLayout extends PanelLayout {
  readonly panels: readonly {
    readonly x: number;
    readonly y: number;
    readonly middle: number;
    readonly legend: readonly LegendEntry[];
  }[];
  readonly legendFont: string;
}

/**
 * Computes the layout of a figure of cells: a title, three panels side by side, and a legend below each, where it hides
 * no cells.
 *
 * @param panel - Size of a panel in px.
 * @param legends - Texts of the legend of each panel.
 * @param context - Used to measure text.
 */
function cellsLayout(
  title: string,
  panel: { readonly width: number; readonly height: number },
  legends: readonly (readonly string[])[],
  context: SKRSContext2D,
): CellsLayout {
  const text = panelText(panel, context);
  const { size: textSize, font, widthOf } = text;
  const margin = textSize;
  const entryWidth = (text: string) => widthOf(text, 1) + 3 * textSize;
  const slot = Math.max(
    panel.width,
    ...CELL_PANELS.map((text) => widthOf(text, 1.2) + margin),
    ...legends.flat().map(entryWidth),
  );
  const panelTitleY = Math.round(4.3 * textSize);
  const y = panelTitleY + textSize;
  const rowHeight = Math.round(1.5 * textSize);
  const legendTop = y + panel.height + margin;
  const panels = CELL_PANELS.map((_, k) => {
    const left = margin + k * (slot + margin);
    const legend = placeLegend(legends[k] ?? [], entryWidth, {
      left,
      top: legendTop,
      width: slot,
      rowHeight,
      textSize,
    });
    return { x: left + Math.floor((slot - panel.width) / 2), y, middle: left + slot / 2, legend };
  });
  const rows = Math.max(0, ...panels.flatMap(({ legend }) => legend.map((entry) => (entry.y - legendTop) / rowHeight)));
  const width = 3 * slot + 4 * margin;
  return {
    width,
    height: legendTop + Math.ceil(rows) * rowHeight + margin,
    title: placeTitle(title, width, text),
    panelTitleFont: font(1.2),
    panelTitleY,
    panels,
    legendFont: font(1),
    textSize,
  };
}

/** Places entries side by side in rows, each row centred. */
function placeLegend(
  texts: readonly string[],
  entryWidth: (text: string) => number,
  place: {
    readonly left: number;
    readonly top: number;
    readonly width: number;
    readonly rowHeight: number;
    readonly textSize: number;
  },
): LegendEntry[] {
  const rows: string[][] = [];
  let free = 0;
  for (const text of texts) {
    const width = entryWidth(text);
    if (width > free) {
      rows.push([]);
      free = place.width;
    }
    rows.at(-1)?.push(text);
    free -= width;
  }
  return rows.flatMap((row, k) => {
    const total = row.reduce((sum, text) => sum + entryWidth(text), 0);
    let left = place.left + (place.width - total) / 2;
    return row.map((text) => {
      const entry = {
        text,
        x: Math.round(left + place.textSize),
        y: Math.round(place.top + (k + 0.5) * place.rowHeight),
        textX: Math.round(left + 2 * place.textSize),
      };
      left += entryWidth(text);
      return entry;
    });
  });
}
