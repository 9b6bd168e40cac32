import type { SKRSContext2D } from 'canvas';
import { type PanelLayout, panelText, placeTitle } from './panel-figure.ts';

export const CELL_PANELS = ['Input image', 'Reader predictions', 'AI predictions'] as const;

/** A marker in a panel's legend: its text and its position in px. */
export interface LegendEntry {
  readonly text: string;
  /** Middle of the marker. */
  readonly x: number;
  readonly y: number;
  /** Left edge of the text. */
  readonly textX: number;
}

/** Positions and sizes of the parts of a figure of cells, in px. */
export interface CellsLayout extends PanelLayout {
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
export function cellsLayout(
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
