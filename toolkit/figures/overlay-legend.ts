import { Canvas, type SKRSContext2D } from 'canvas';
import { FIGURE_FONT, registerFonts } from './fonts.ts';

/** A class as a legend names it: "Stroma 12.3 %" behind a square of its colour. */
export interface LegendEntry {
  readonly color: readonly [number, number, number];
  readonly text: string;
}

export interface Legend {
  readonly entries: readonly LegendEntry[];
  /** Why the numbers may mislead; a sentence each. */
  readonly cautions: readonly string[];
}

/** RGBA of a strip, row by row. */
export interface LegendStrip {
  readonly width: number;
  readonly height: number;
  readonly data: Buffer;
}

/** Narrower images get a strip of this width. */
const NARROWEST = 420;
const MOST_ENTRIES = 32;
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
 * Draws a legend as a strip to be put below a picture: the classes with their colours, then the cautions.
 *
 * @param pictureWidth - px; the strip is as wide, and at least 420 px.
 */
export function drawLegend({ entries, cautions }: Legend, pictureWidth: number): LegendStrip {
  registerFonts();
  const width = Math.max(NARROWEST, pictureWidth);
  const measure = new Canvas(1, 1).getContext('2d');
  const placed = placeEntries(measure, named(entries), width);
  const under = (placed.at(-1)?.y ?? MARGIN - LINE) + LINE;
  measure.font = BOLD;
  const lines = cautions.flatMap((caution) => wrapped(measure, caution, width - 2 * MARGIN));
  const height = under + lines.length * LINE + MARGIN;
  const canvas = new Canvas(width, height);
  const context = canvas.getContext('2d');
  context.fillStyle = 'white';
  context.fillRect(0, 0, width, height);
  context.textBaseline = 'middle';
  context.font = FONT;
  for (const entry of placed) drawEntry(context, entry);
  context.font = BOLD;
  context.fillStyle = 'rgb(170, 0, 0)';
  for (const [index, line] of lines.entries()) context.fillText(line, MARGIN, under + (index + 0.5) * LINE);
  return { width, height, data: canvas.data() };
}

/** No more than a legend can hold; how many are missing is said. */
function named(entries: readonly LegendEntry[]): readonly Omit<Placed, 'x' | 'y'>[] {
  if (entries.length === 0) return [{ text: 'Nothing was found.' }];
  if (entries.length <= MOST_ENTRIES) return entries;
  return [...entries.slice(0, MOST_ENTRIES), { text: `and ${entries.length - MOST_ENTRIES} more classes` }];
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
