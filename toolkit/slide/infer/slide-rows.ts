import { open, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { deflateSync, inflate } from 'node:zlib';
import { ReigniteError } from '../../errors.ts';
import { replaceFile } from '../../files/atomic-write.ts';
import type { DecideRow } from '../../nnunet/sliding-window/decide-row.ts';
import type { PartialRoi } from '../../nnunet/sliding-window/partial-roi.ts';
import { finishedRows, NOT_PREDICTED } from '../../nnunet/sliding-window/tile-grid.ts';
import type { TiledSlide } from './tiled-slide.ts';

const FULL_CONFIDENCE = 255;
/** Converts 16-bit confidence to 8 bits. */
const CONFIDENCE_STEP = 257;
const FAST = 1;

/** Labels and confidence of the image rows that one tile row finishes. */
export class DecidedRowsOfSlide {
  readonly #slide: TiledSlide;
  /** Image rows: the first, and the one after the last. */
  readonly #first: number;
  readonly #end: number;
  readonly #labels: Uint8Array;
  readonly #confidence: Uint8Array;

  constructor(slide: TiledSlide, row: number) {
    const { first, end } = bandRows(slide, row);
    this.#slide = slide;
    this.#first = first;
    this.#end = end;
    this.#labels = new Uint8Array((end - first) * slide.whole.width);
    // Outside the predicted part, labels are 0 by definition.
    this.#confidence = new Uint8Array(this.#labels.length).fill(FULL_CONFIDENCE);
  }

  /** Converts a row of the padded part to an image row. */
  imageRow(y: number): number {
    return y - this.#slide.grid.offset.y + this.#slide.part.top;
  }

  /**
   * Decides the labels of a segment of a row.
   *
   * @param total - columns x classes, summed over the folds.
   * @param y - Row of the padded part.
   * @param start - First column of the segment in the padded part.
   * @returns False if an output is NaN.
   */
  decide(total: Float32Array, y: number, start: number, columns: number, decideRow: DecideRow, folds: number): boolean {
    const { grid, part, whole } = this.#slide;
    const row = this.imageRow(y);
    if (row < part.top || row >= part.bottom) return true;
    const from = Math.max(start, grid.offset.x);
    const to = Math.min(start + columns, grid.offset.x + grid.image.width);
    if (to <= from) return true;
    const classes = total.length / columns;
    const at = (row - this.#first) * whole.width + part.left + from - grid.offset.x;
    const confidence = new Uint16Array(to - from);
    const sums = total.subarray((from - start) * classes, (to - start) * classes);
    const isNumber = decideRow(sums, folds, this.#labels.subarray(at, at + to - from), confidence);
    for (let x = 0; x < confidence.length; x++) {
      this.#confidence[at + x] = Math.round((confidence[x] ?? 0) / CONFIDENCE_STEP);
    }
    return isNumber;
  }

  /** Blanks what is not tissue and saves the rows, compressed. */
  write(partial: PartialRoi, row: number): void {
    this.#blank();
    partial.writeBytes(labelsFile(row), deflateSync(this.#labels, { level: FAST }));
    partial.writeBytes(confidenceFile(row), deflateSync(this.#confidence, { level: FAST }));
  }

  #blank(): void {
    const { tissue, whole } = this.#slide;
    if (tissue === undefined) return;
    for (let y = this.#first; y < this.#end; y++) {
      const blocks = Math.floor(y / tissue.block) * tissue.width;
      const start = (y - this.#first) * whole.width;
      for (let block = 0; block * tissue.block < whole.width; block++) {
        if (block < tissue.width && tissue.data[blocks + block] !== 0 && blocks < tissue.data.length) continue;
        const from = start + block * tissue.block;
        const to = start + Math.min(whole.width, (block + 1) * tissue.block);
        this.#labels.fill(NOT_PREDICTED, from, to);
        this.#confidence.fill(0, from, to);
      }
    }
  }
}

/** Returns the image rows that a tile row finishes. The first and the last tile row include the rows around the part. */
export function bandRows(
  { grid, whole, part }: Pick<TiledSlide, 'grid' | 'whole' | 'part'>,
  row: number,
): { readonly first: number; readonly end: number } {
  const { from, to } = finishedRows(grid, row);
  const top = Math.max(from, grid.offset.y);
  const bottom = Math.min(to, grid.offset.y + grid.image.height);
  const isLast = row === grid.rows.length - 1;
  return {
    first: row === 0 ? 0 : part.top + top - grid.offset.y,
    end: isLast ? whole.height : part.top + bottom - grid.offset.y,
  };
}

/** Names the file with the deflated labels of the rows that a tile row finishes. Together, all tile rows cover the slide. */
export function labelsFile(row: number): string {
  return `labels-${row}`;
}

/** Names the file with the deflated confidence of these rows, one byte per pixel. */
export function confidenceFile(row: number): string {
  return `confidence-${row}`;
}

const inflated = promisify(inflate);
const HEAD_BYTES = 8;

/** Some rows of an image, one byte per pixel. */
export interface Rows {
  readonly count: number;
  /** count x width. */
  readonly data: Uint8Array;
}

/** A file of deflated image rows. */
interface DeflatedRows {
  readonly count: number;
  readonly path: string;
}

/**
 * Concatenates files of deflated rows. Each part is written as its number of rows, its number of bytes, then the bytes.
 *
 * @throws ReigniteError NO_SPACE, NOT_WRITABLE.
 */
export async function joinRows(path: string, parts: readonly DeflatedRows[]): Promise<void> {
  await replaceFile(path, async (temporary) => {
    const handle = await open(temporary, 'wx');
    try {
      for (const { count, path: part } of parts) {
        const bytes = await readFile(part);
        const head = Buffer.alloc(HEAD_BYTES);
        head.writeUInt32LE(count, 0);
        head.writeUInt32LE(bytes.length, 4);
        await handle.writeFile(head);
        await handle.writeFile(bytes);
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
  });
}

/**
 * Reads the rows of files that `joinRows` wrote, one part at a time.
 *
 * @param width - Width of the image, px.
 * @throws ReigniteError INTERNAL for a truncated file.
 */
export async function* readRows(paths: readonly string[], width: number): AsyncGenerator<Rows> {
  for (const path of paths) {
    const handle = await open(path);
    try {
      const { size } = await handle.stat();
      for (let at = 0; at < size; ) {
        const head = Buffer.alloc(HEAD_BYTES);
        await handle.read(head, 0, HEAD_BYTES, at);
        const [count, length] = [head.readUInt32LE(0), head.readUInt32LE(4)];
        const bytes = Buffer.alloc(Math.min(length, size - at - HEAD_BYTES));
        await handle.read(bytes, 0, bytes.length, at + HEAD_BYTES);
        const data = bytes.length === length ? await inflated(bytes) : Buffer.alloc(0);
        if (data.length !== count * width) throw new ReigniteError('INTERNAL', `${path} does not hold whole rows.`);
        yield { count, data };
        at += HEAD_BYTES + length;
      }
    } finally {
      await handle.close();
    }
  }
}
