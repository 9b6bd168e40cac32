import { csvField } from '../../format.ts';
import type { Classification } from '../../geojson/write-features.ts';
import type { FoundCell } from '../found-cell.ts';

/** Number of cells in each square of a slide. */
export interface CellDensity {
  /** Side of a square, px of the slide. */
  readonly square: number;
  /** Squares across. */
  readonly width: number;
  /** Squares down. */
  readonly height: number;
  /** One list per class: height x width. */
  readonly counts: readonly Uint32Array[];
}

/** Side of a square, µm. */
const SQUARE_UM = 100;
/** The same in px, if the pixel size is unknown. */
const SQUARE_PX = 200;

/** Counts cells in squares of 100 µm. @param mpp - µm per px of the slide. */
export function cellDensity(
  cells: readonly FoundCell[],
  classes: number,
  slide: { readonly width: number; readonly height: number },
  mpp: number | undefined,
): CellDensity {
  const square = mpp === undefined ? SQUARE_PX : SQUARE_UM / mpp;
  const size = { width: Math.ceil(slide.width / square), height: Math.ceil(slide.height / square) };
  const counts = Array.from({ length: classes }, () => new Uint32Array(size.width * size.height));
  for (const cell of cells) {
    const column = Math.min(size.width - 1, Math.floor(cell.x / square));
    const row = Math.min(size.height - 1, Math.floor(cell.y / square));
    const of = counts[cell.class];
    const at = row * size.width + column;
    if (of !== undefined) of[at] = (of[at] ?? 0) + 1;
  }
  return { square, ...size, counts };
}

/** Formats the squares with cells as CSV: position in px of the slide, cells of each class, and all cells per mm². */
export function densityTable(
  { square, width, height, counts }: CellDensity,
  classes: readonly Classification[],
  mpp: number | undefined,
): string {
  const names = classes.map(({ name }) => csvField(name));
  const lines = [['x', 'y', 'side', ...names, ...(mpp === undefined ? [] : ['cells_per_mm2'])].join(',')];
  for (let at = 0; at < width * height; at++) {
    const cells = counts.map((of) => of[at] ?? 0);
    const total = cells.reduce((sum, each) => sum + each, 0);
    if (total === 0) continue;
    const [x, y] = [(at % width) * square, Math.floor(at / width) * square];
    const perMm2 = mpp === undefined ? [] : [Math.round(total / ((square * mpp) ** 2 / 1e6))];
    lines.push([Math.round(x), Math.round(y), Math.round(square), ...cells, ...perMm2].join(','));
  }
  return `${lines.join('\n')}\n`;
}

/** Makes a 16-bit map of one class in cells per mm², or per square if the pixel size is unknown. */
export function densityMap({ square, width, height, counts }: CellDensity, label: number, mpp: number | undefined) {
  const mm2 = mpp === undefined ? 1 : (square * mpp) ** 2 / 1e6;
  const data = Uint16Array.from(counts[label] ?? [], (count) => Math.min(65_535, Math.round(count / mm2)));
  return { width, height, data };
}
