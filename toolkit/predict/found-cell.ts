import { open } from 'node:fs/promises';
import { replaceFile } from '../files/atomic-write.ts';
import { csvField } from '../format.ts';
import { type Classification, type ImageFeature, TextFile } from '../geojson/write-features.ts';
import type { Candidate, CandidatesFile } from '../yolo/detect/detection-files.ts';
import type { ClassCount } from './prediction.ts';

/** A detected cell, in px of the original image. */
export interface FoundCell {
  readonly x: number;
  readonly y: number;
  readonly class: number;
  /** Objectness times class score, 0 to 1. */
  readonly score: number;
  /** x1, y1, x2, y2. */
  readonly box: readonly [number, number, number, number];
}

/** What a detector found in an image, in px of the original image. */
export interface CellsOfImage {
  /** Cells within the image. */
  readonly cells: readonly FoundCell[];
  /** Number of cells that the detector placed outside the image, in the padding of a tile. */
  readonly outside: number;
  /** Those with the outcome `point` are the cells, in the same order. */
  readonly candidates: CandidatesFile;
}

/**
 * Converts detections to px of the original image. Like the authors' code, the detector reports points in the padding of
 * a tile; here they become candidates with the outcome `outside`.
 *
 * @param seen - Candidates in px of the image as the network saw it.
 * @param points - n x 3: x, y, class of the candidates with the outcome `point`, in the same order.
 * @param original - Size of the original image, px.
 */
export function cellsOfImage(
  seen: CandidatesFile,
  points: ArrayLike<number>,
  original: { readonly width: number; readonly height: number },
): CellsOfImage {
  const { width, height } = original;
  const [scaleX, scaleY] = [width / seen.width, height / seen.height];
  const isResampled = scaleX !== 1 || scaleY !== 1;
  const cells: FoundCell[] = [];
  let point = 0;
  let padding = 0;
  const candidates = seen.candidates.map((candidate): Candidate => {
    const [x1, x2] = [toHundredths(candidate.x1 * scaleX), toHundredths(candidate.x2 * scaleX)];
    const [y1, y2] = [toHundredths(candidate.y1 * scaleY), toHundredths(candidate.y2 * scaleY)];
    const scaled = { ...candidate, x1, y1, x2, y2 };
    if (candidate.outcome === 'outside') padding++;
    if (candidate.outcome !== 'point') return scaled;
    const x = toHundredths((points[3 * point] ?? Number.NaN) * scaleX);
    const y = toHundredths((points[3 * point + 1] ?? Number.NaN) * scaleY);
    point++;
    if (!(x >= 0 && x < width && y >= 0 && y < height)) return { ...scaled, outcome: 'outside' };
    cells.push({ x, y, class: candidate.class, score: candidate.score, box: [x1, y1, x2, y2] });
    return scaled;
  });
  const seenAt = isResampled ? { seenAt: { width: seen.width, height: seen.height } } : {};
  return {
    cells,
    outside: padding + point - cells.length,
    candidates: { ...seen, ...seenAt, width, height, candidates },
  };
}

/** Reports cells that were left out because they are outside the image. */
export function outsideNote(outside: number): readonly string[] {
  if (outside === 0) return [];
  const cells = outside === 1 ? '1 cell' : `${outside} cells`;
  return [`${cells} left out: found in the padding, outside the image.`];
}

const COLUMNS = 'x,y,class,name,score,x1,y1,x2,y2';

/** Formats cells as CSV (RFC 4180), with coordinates in px of the image. */
export function cellsTable(cells: readonly FoundCell[], classes: readonly Classification[]): string {
  const rows = cells.map(({ x, y, class: of, score, box }) =>
    [x, y, of, csvField(classes[of]?.name ?? `class ${of}`), score, ...box].join(','),
  );
  return `${[COLUMNS, ...rows].join('\n')}\n`;
}

/**
 * Yields each cell as a point that QuPath opens as a detection with a class. The detection score and the size of the box
 * become measurements in QuPath.
 *
 * @param mpp - µm per px. If given, sizes are also written in µm.
 * @see `QuPathTypeAdapters` of https://github.com/qupath/qupath for the properties that it reads
 */
export function* cellFeatures(
  cells: readonly FoundCell[],
  classes: readonly Classification[],
  mpp?: number,
): Generator<ImageFeature> {
  for (const { x, y, class: of, score, box } of cells) {
    const classification = classes[of];
    if (classification === undefined) continue;
    yield {
      geometry: { type: 'Point', coordinates: [x, y] },
      objectType: 'detection',
      classification,
      measurements: { Score: score, ...sizesOf(box, mpp) },
    };
  }
}

/** Returns the width and height of a box, with names in QuPath's style. */
function sizesOf([x1, y1, x2, y2]: FoundCell['box'], mpp: number | undefined): Record<string, number> {
  const [width, height] = [x2 - x1, y2 - y1];
  return {
    'Box width px': toHundredths(width),
    'Box height px': toHundredths(height),
    ...(mpp !== undefined && {
      'Box width µm': toHundredths(width * mpp),
      'Box height µm': toHundredths(height * mpp),
    }),
  };
}

/** Counts the cells per class, including classes that do not occur. */
export function countCells(
  cells: readonly FoundCell[],
  classes: readonly Classification[],
  mm2: number | undefined,
): ClassCount[] {
  return classes.map(({ name }, value) => {
    const count = cells.filter((cell) => cell.class === value).length;
    return { value, name, count, ...(mm2 !== undefined && { perMm2: count / mm2 }) };
  });
}

function toHundredths(value: number): number {
  return Math.round(value * 100) / 100;
}

const CELLS_AT_ONCE = 256;

/**
 * Writes the table of `cellsTable` in parts, because that of a million cells would be too long for one string.
 *
 * @throws ReigniteError NO_SPACE, NOT_WRITABLE.
 */
export async function writeCellsTable(
  path: string,
  cells: readonly FoundCell[],
  classes: readonly Classification[],
): Promise<void> {
  await replaceFile(path, async (temporary) => {
    const handle = await open(temporary, 'wx');
    try {
      const file = new TextFile(handle);
      const head = cellsTable([], classes);
      file.text(head);
      for (let at = 0; at < cells.length; at += CELLS_AT_ONCE) {
        const rows = cellsTable(cells.slice(at, at + CELLS_AT_ONCE), classes);
        file.text(rows.slice(head.length));
        await file.flush();
      }
      await file.flush();
      await handle.sync();
    } finally {
      await handle.close();
    }
  });
}

/** Number of cells in each square of a slide. */
interface CellDensity {
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
