import { createCanvas } from 'canvas';
import { FIGURE_FONT, registerFonts } from './style.ts';

/** How much of each pixel is covered by text. */
export interface Coverage {
  readonly width: number;
  readonly height: number;
  /** height x width, 0 (background) to 1 (text), row by row. */
  readonly values: Float32Array;
}

/** A number read from an image. */
export interface ReadNumber {
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
export function readTwoDecimals(text: Coverage): ReadNumber | undefined {
  const picture = onGrid(text);
  if (picture === undefined) return undefined;
  const [best, second] = drawnNumbers()
    .map((drawing, hundredths) => ({ value: hundredths / 100, correlation: correlationOf(picture, drawing) }))
    .sort((a, b) => b.correlation - a.correlation);
  if (best === undefined || second === undefined || best.correlation < MIN_CORRELATION) return undefined;
  return { value: best.value, confidence: best.correlation - second.correlation };
}

/** Rows and columns of a text; `right` and `bottom` are exclusive. */
interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

function boxOf({ width, height, values }: Coverage): Box | undefined {
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
  const box = boxOf(text);
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
