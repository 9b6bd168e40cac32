import { createCanvas } from 'canvas';
import { z } from 'zod';
import type { Rgb } from '../dataset/tissue-labels.ts';
import type { RgbImage } from '../image/decode-pixels.ts';
import { type SequentialScale, sequentialColour } from './matrix-colours.ts';
import { FIGURE_FONT, registerFonts } from './style.ts';

const PrintedF1 = z.object({
  /** Column: index of the reader that is the ground truth. */
  truth: z.int(),
  /** Row: index of the reader that is the prediction. */
  prediction: z.int(),
  /** With two decimals. */
  f1: z.number(),
  /** How clearly the digits were recognised, see `ReadNumber`. */
  confidence: z.number(),
});
/** An F1 printed in a figure. */
export type PrintedF1 = Readonly<z.infer<typeof PrintedF1>>;

/** The values read from a figure, or why it was rejected. */
export const ReadF1Figure = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('read'), cells: z.array(PrintedF1).readonly() }),
  z.object({ kind: z.literal('refused'), reason: z.string() }),
]);
export type ReadF1Figure = Readonly<z.infer<typeof ReadF1Figure>>;

/** Range of grey values on the diagonal of the authors' figures, which is light grey, but not white. */
const GREY = { darkest: 225, lightest: 250 } as const;
/**
 * Largest difference per channel between two colours that are the same, and that are similar because of a reduced
 * palette.
 */
const SAME = 2;
const ALIKE = 24;
/** Share of a cell's side that is ignored at each edge, where the white lines are. */
const EDGE = 0.06;
/** Smallest confidence in the digits if the colour of the cell is the same, and if it is only similar. */
const MIN_CONFIDENCE = { same: 0.02, alike: 0.05 } as const;
const MIN_CELL_PX = 16;

/**
 * Reads the F1 values of `f1_scores_<group>.png`, drawn by the authors' inference_utils.py: the lower triangle of a
 * matrix, each value with two decimals on a cell whose colour encodes the same value.
 *
 * Digits and colour must agree in every cell, roughly if the palette of the file was reduced. Otherwise the whole
 * figure is rejected, since a misread score would lead to a wrong verdict.
 *
 * @param image - The figure.
 * @param readers - Number of readers, including the AI: 2 to 20.
 * @param scale - Colour scale of the group: Blues, or Reds for SCDC.
 */
export function readF1Figure(image: RgbImage, readers: number, scale: SequentialScale): ReadF1Figure {
  const diagonal = findDiagonal(image, readers);
  if (diagonal === undefined) return refused(`no matrix of ${readers} x ${readers} cells was found`);
  const cells: PrintedF1[] = [];
  for (let prediction = 1; prediction < readers; prediction++) {
    for (let truth = 0; truth < prediction; truth++) {
      const [row, column] = [diagonal[prediction], diagonal[truth]];
      if (row === undefined || column === undefined) return refused('the diagonal is incomplete');
      const cell = readCell(image, { ...row, left: column.left, right: column.right }, scale);
      if (typeof cell === 'string') return refused(`row ${prediction + 1}, column ${truth + 1}: ${cell}`);
      cells.push({ truth, prediction, ...cell });
    }
  }
  return { kind: 'read', cells };
}

function refused(reason: string): ReadF1Figure {
  return { kind: 'refused', reason };
}

/** Pixels of a cell; `right` and `bottom` are exclusive. */
interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

function pixel({ width, data }: RgbImage, x: number, y: number): Rgb {
  const start = (y * width + x) * 3;
  return [data[start] ?? 0, data[start + 1] ?? 0, data[start + 2] ?? 0];
}

function distance(one: Rgb, other: Rgb): number {
  return Math.max(Math.abs(one[0] - other[0]), Math.abs(one[1] - other[1]), Math.abs(one[2] - other[2]));
}

/**
 * Finds the grey squares of the diagonal, which must be adjacent, of equal size, and run from the upper left to the
 * lower right.
 */
function findDiagonal(image: RgbImage, readers: number): readonly Box[] | undefined {
  const boxes: Box[] = [];
  let searchFrom = 0;
  while (boxes.length < readers) {
    const box = nextSquare(image, searchFrom);
    if (box === undefined) return undefined;
    boxes.push(box);
    searchFrom = box.bottom;
  }
  if (nextSquare(image, searchFrom) !== undefined) return undefined;
  const isInLine = boxes.every((box, index) => {
    const before = boxes[index - 1];
    return before === undefined || (near(box.left, before.right) && near(box.top, before.bottom));
  });
  const sides = boxes.flatMap(({ left, right, top, bottom }) => [right - left, bottom - top]);
  return isInLine && Math.max(...sides) - Math.min(...sides) <= 4 ? boxes : undefined;
}

/** Whether two edges are adjacent: white lines of about a pixel separate the cells. */
function near(one: number, other: number): boolean {
  return Math.abs(one - other) <= 4;
}

/** Finds the first grey square whose upper edge is at row `from` or below. */
function nextSquare(image: RgbImage, from: number): Box | undefined {
  const isGrey = (x: number, y: number) => {
    const channels = pixel(image, x, y);
    const [low, high] = [Math.min(...channels), Math.max(...channels)];
    return high - low <= SAME && low >= GREY.darkest && high <= GREY.lightest;
  };
  for (let top = from; top < image.height; top++) {
    for (let left = 0; left < image.width; left++) {
      if (!isGrey(left, top)) continue;
      let [right, bottom] = [left, top];
      while (right < image.width && isGrey(right, top)) right++;
      // Measure at a quarter, since ticks of the axes may extend into a cell at the middle of its sides.
      const quarter = Math.floor((3 * left + right) / 4);
      while (bottom < image.height && isGrey(quarter, bottom)) bottom++;
      if (right - left >= MIN_CELL_PX && bottom - top >= MIN_CELL_PX) return { left, right, top, bottom };
      left = right;
    }
  }
  return undefined;
}

function readCell(
  image: RgbImage,
  cell: Box,
  scale: SequentialScale,
): { readonly f1: number; readonly confidence: number } | string {
  const inner = shrink(cell);
  const fill = commonColour(image, inner);
  const number = readTwoDecimals(coverageOf(image, inner, fill));
  if (number === undefined) return 'no number with two decimals was found';
  if (number.value > 1) return `${number.value.toFixed(2)} is not an F1`;
  const away = distanceFromScale(number.value, fill, scale);
  if (away > ALIKE) return `the colour of the cell does not fit ${number.value.toFixed(2)}`;
  const needed = away <= SAME ? MIN_CONFIDENCE.same : MIN_CONFIDENCE.alike;
  if (number.confidence < needed) return `the digits, perhaps ${number.value.toFixed(2)}, are not clear`;
  return { f1: number.value, confidence: number.confidence };
}

function shrink({ left, right, top, bottom }: Box): Box {
  const [dx, dy] = [Math.ceil((right - left) * EDGE), Math.ceil((bottom - top) * EDGE)];
  return { left: left + dx, right: right - dx, top: top + dy, bottom: bottom - dy };
}

function commonColour(image: RgbImage, { left, right, top, bottom }: Box): Rgb {
  const counts = new Map<number, number>();
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++) {
      const [red, green, blue] = pixel(image, x, y);
      const colour = (red << 16) | (green << 8) | blue;
      counts.set(colour, (counts.get(colour) ?? 0) + 1);
    }
  }
  const [[colour] = [0]] = [...counts].sort((a, b) => b[1] - a[1]);
  return [colour >> 16, (colour >> 8) & 255, colour & 255];
}

/**
 * Computes how much of each pixel is text. Text has one colour, the one farthest from the fill; colours in between are
 * its antialiased edge.
 */
function coverageOf(image: RgbImage, { left, right, top, bottom }: Box, fill: Rgb): Coverage {
  const [width, height] = [right - left, bottom - top];
  const values = new Float32Array(width * height);
  let farthest = 1;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const away = distance(pixel(image, left + x, top + y), fill);
      values[y * width + x] = away;
      farthest = Math.max(farthest, away);
    }
  }
  return { width, height, values: values.map((away) => away / farthest) };
}

/**
 * Returns the smallest distance of a cell's colour from those of values that round to `f1`, since it may encode the
 * value before rounding.
 */
function distanceFromScale(f1: number, fill: Rgb, scale: SequentialScale): number {
  let least = Number.POSITIVE_INFINITY;
  for (let thousandths = -5; thousandths <= 5; thousandths++) {
    least = Math.min(least, distance(sequentialColour(scale, f1 + thousandths / 1000), fill));
  }
  return least;
}

/** How much of each pixel is covered by text. */
interface Coverage {
  readonly width: number;
  readonly height: number;
  /** height x width, 0 (background) to 1 (text), row by row. */
  readonly values: Float32Array;
}

/** A number read from an image. */
interface ReadNumber {
  /** 0 to 1, a multiple of 0.01. */
  readonly value: number;
  /** Correlation with a drawing of this number minus that with the second-best number: 0 to 2. */
  readonly confidence: number;
}

/** Coverage below this is not part of a glyph. */
const FAINT = 0.25;
/** Texts are stretched to a grid of this size for comparison. */
const GRID = { width: 64, height: 24 } as const;
const TEMPLATE_PX = 64;
/** Smallest correlation with the best number; below it, the text is not a number in this font. */
const MIN_CORRELATION = 0.7;

/**
 * Reads a number from 0.00 to 1.00 that matplotlib drew in DejaVu Sans, by comparing the image with a drawing of each
 * of the 101 numbers.
 *
 * @param text - Image of the number alone.
 * @returns Undefined if the image shows something else.
 */
function readTwoDecimals(text: Coverage): ReadNumber | undefined {
  const picture = onGrid(text);
  if (picture === undefined) return undefined;
  const [best, second] = drawnNumbers()
    .map((drawing, hundredths) => ({ value: hundredths / 100, correlation: correlationOf(picture, drawing) }))
    .sort((a, b) => b.correlation - a.correlation);
  if (best === undefined || second === undefined || best.correlation < MIN_CORRELATION) return undefined;
  return { value: best.value, confidence: best.correlation - second.correlation };
}

/** Rows and columns of a text; `right` and `bottom` are exclusive. */
interface TextBox {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

function textBoxOf({ width, height, values }: Coverage): TextBox | undefined {
  let [left, right, top, bottom] = [width, 0, height, 0];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if ((values[y * width + x] ?? 0) < FAINT) continue;
      [left, right] = [Math.min(left, x), Math.max(right, x + 1)];
      [top, bottom] = [Math.min(top, y), Math.max(bottom, y + 1)];
    }
  }
  return left < right ? { left, right, top, bottom } : undefined;
}

/** Stretches a text to the grid by bilinear interpolation, and subtracts the mean. */
function onGrid(text: Coverage): Float64Array | undefined {
  const box = textBoxOf(text);
  if (box === undefined) return undefined;
  const { left, right, top, bottom } = box;
  const cells = new Float64Array(GRID.width * GRID.height);
  for (let row = 0; row < GRID.height; row++) {
    for (let column = 0; column < GRID.width; column++) {
      const x = left + ((column + 0.5) / GRID.width) * (right - left) - 0.5;
      const y = top + ((row + 0.5) / GRID.height) * (bottom - top) - 0.5;
      cells[row * GRID.width + column] = sample(text, x, y);
    }
  }
  const mean = cells.reduce((sum, value) => sum + value, 0) / cells.length;
  return cells.map((value) => value - mean);
}

function sample({ width, height, values }: Coverage, x: number, y: number): number {
  const [column, row] = [Math.floor(x), Math.floor(y)];
  const at = (atX: number, atY: number) =>
    atX < 0 || atY < 0 || atX >= width || atY >= height ? 0 : (values[atY * width + atX] ?? 0);
  const upper = at(column, row) * (column + 1 - x) + at(column + 1, row) * (x - column);
  const lower = at(column, row + 1) * (column + 1 - x) + at(column + 1, row + 1) * (x - column);
  return upper * (row + 1 - y) + lower * (y - row);
}

/** Computes Pearson's correlation of two grids of mean 0. */
function correlationOf(one: Float64Array, other: Float64Array): number {
  let [product, squareOne, squareOther] = [0, 0, 0];
  one.forEach((a, index) => {
    const b = other[index] ?? Number.NaN;
    product += a * b;
    squareOne += a * a;
    squareOther += b * b;
  });
  return product / Math.sqrt(squareOne * squareOther || 1);
}

let drawings: readonly Float64Array[] | undefined;

/** Returns drawings of the numbers 0.00 to 1.00 on the grid, drawn once. */
function drawnNumbers(): readonly Float64Array[] {
  drawings ??= Array.from({ length: 101 }, (_, hundredths) => drawNumber((hundredths / 100).toFixed(2)));
  return drawings;
}

function drawNumber(text: string): Float64Array {
  registerFonts();
  const [width, height] = [TEMPLATE_PX * 3, TEMPLATE_PX * 1.5];
  const context = createCanvas(width, height).getContext('2d');
  context.font = `${TEMPLATE_PX}px ${FIGURE_FONT}`;
  context.fillText(text, TEMPLATE_PX / 8, TEMPLATE_PX);
  const { data } = context.getImageData(0, 0, width, height);
  const values = Float32Array.from({ length: width * height }, (_, index) => (data[4 * index + 3] ?? 0) / 255);
  const drawing = onGrid({ width, height, values });
  if (drawing === undefined) throw new Error(`The font of the figures draws nothing for ${text}.`);
  return drawing;
}
