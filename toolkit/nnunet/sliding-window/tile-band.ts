import type { FoldNetworks } from '../networks/ort-fold-networks.ts';
import { type DecideRow, rowDecider, writeDecidedRows } from './decide-row.ts';
import type { PartialRoi } from './partial-roi.ts';
import { finishedRows, type TileGrid } from './tile-grid.ts';
import type { TiledRoi } from './tiled-roi.ts';

/**
 * The accumulator of one tile row over the whole width of an image: patch.height rows of float32. The first of them are
 * finished with this tile row; the others are carried over to the next one.
 */
export class TileBand {
  readonly #roi: TiledRoi;
  readonly #networks: FoldNetworks;
  readonly #partial: PartialRoi;
  readonly #sums: Float32Array;
  readonly #weightSums: WeightSums;
  readonly #decideRow: DecideRow;
  /** Number of floats in a row of pixels: padded width x classes. */
  readonly stride: number;

  constructor(roi: TiledRoi, networks: FoldNetworks, partial: PartialRoi) {
    const { patch, padded } = roi.grid;
    this.#roi = roi;
    this.#networks = networks;
    this.#partial = partial;
    this.stride = padded.width * networks.classes;
    this.#sums = new Float32Array(patch.height * this.stride);
    this.#weightSums = new WeightSums(roi.grid);
    this.#decideRow = rowDecider(networks.method.decision, networks.classes);
  }

  /**
   * Starts a tile row with the rows that the previous one carried over, and zeros below them.
   *
   * @param carried - File with the rows that were carried over.
   */
  start(row: number, carried: string): void {
    const floats = row === 0 ? 0 : this.unfinished(row - 1).length;
    if (floats > 0) this.#partial.readFloats(carried, 0, this.#sums.subarray(0, floats));
    this.#sums.fill(0, floats);
  }

  /** Adds the weighted outputs of a tile. @param left - Its first column, px. */
  add(left: number, output: Float32Array): void {
    accumulateTile(this.#sums, this.#roi.grid, this.#networks.classes, left, output);
  }

  /** Writes the rows that are carried over to the next tile row, if there are any. */
  carryOver(row: number, file: string): void {
    const unfinished = this.unfinished(row);
    if (unfinished.length > 0) this.#partial.writeFloats(file, unfinished);
  }

  /** Returns the rows to which no later tile row adds. */
  finished(row: number): Float32Array {
    return this.#sums.subarray(0, this.#finishedFloats(row));
  }

  /** Returns the rows to which the next tile row adds; empty for the last. */
  unfinished(row: number): Float32Array {
    return this.#sums.subarray(this.#finishedFloats(row));
  }

  /** Divides the sums of a row of pixels by the count map and adds `before`. @param y - Row in the padded image, px. */
  normalise(y: number, sums: Float32Array, before: Float32Array): void {
    addNormalisedRow(sums, this.#weightSums.ofRow(y), this.#networks.classes, before);
  }

  /**
   * Decides and writes the rows that a tile row finishes.
   *
   * @param totalOf - Returns the outputs of a row (px in the padded image) summed over the folds: padded width x
   *   classes.
   */
  decide(row: number, totalOf: (y: number) => Float32Array): void {
    const { classes, folds } = this.#networks;
    const first = this.#roi.grid.offset.x * classes;
    writeDecidedRows(this.#roi, row, this.#partial, (y, labels, confidences) =>
      this.#decideRow(totalOf(y).subarray(first, first + labels.length * classes), folds, labels, confidences),
    );
  }

  #finishedFloats(row: number): number {
    const { from, to } = finishedRows(this.#roi.grid, row);
    return (to - from) * this.stride;
  }
}

/**
 * Adds one tile's weighted output to the accumulator of one fold: `accumulator += float32(output * weight)`.
 *
 * The product is rounded to float32 before it is added, as NumPy does; the store into the Float32Array rounds the sum.
 *
 * @param accumulator - patch.height x padded.width x classes float32: the rows of the current tile row.
 * @param left - First column of the tile in the padded image, px.
 * @param output - patch.height x patch.width x classes float32 (NHWC without N).
 */
export function accumulateTile(
  accumulator: Float32Array,
  grid: TileGrid,
  classes: number,
  left: number,
  output: Float32Array,
): void {
  const { height, width } = grid.patch;
  const stride = grid.padded.width * classes;
  const floats = width * classes;
  for (let i = 0; i < height; i++) {
    const to = i * stride + left * classes;
    addWeighted(
      accumulator.subarray(to, to + floats),
      output.subarray(i * floats, (i + 1) * floats),
      grid.weights.subarray(i * width, (i + 1) * width),
      classes,
    );
  }
}

/**
 * Adds one row of a tile. A hot loop: plain indices from 0, no calls, and four classes at a time, which takes half the
 * time of one at a time.
 *
 * @param sums - width x classes float32.
 * @param output - As many.
 * @param weights - width float32.
 */
function addWeighted(sums: Float32Array, output: Float32Array, weights: Float32Array, classes: number): void {
  const rest = classes % 4;
  const fours = classes - rest;
  let at = 0;
  for (let x = 0; x < weights.length; x++) {
    const weight = weights[x] ?? 0;
    for (const end = at + fours; at < end; at += 4) {
      sums[at] = (sums[at] ?? 0) + Math.fround((output[at] ?? 0) * weight);
      sums[at + 1] = (sums[at + 1] ?? 0) + Math.fround((output[at + 1] ?? 0) * weight);
      sums[at + 2] = (sums[at + 2] ?? 0) + Math.fround((output[at + 2] ?? 0) * weight);
      sums[at + 3] = (sums[at + 3] ?? 0) + Math.fround((output[at + 3] ?? 0) * weight);
    }
    for (const end = at + rest; at < end; at++) {
      sums[at] = (sums[at] ?? 0) + Math.fround((output[at] ?? 0) * weight);
    }
  }
}

/**
 * Divides one row of a fold's accumulator by the count map and adds the sum over the previous folds, all in float32.
 * The order of the two terms does not change the bits. A hot loop, as `addWeighted` is.
 *
 * @param row - width x classes float32, overwritten.
 * @param sums - Count map of the row: width float32, above 0.
 * @param before - Sum over the previous folds: width x classes float32, zeros for the first fold.
 */
export function addNormalisedRow(row: Float32Array, sums: Float32Array, classes: number, before: Float32Array): void {
  const rest = classes % 4;
  const fours = classes - rest;
  let at = 0;
  for (let x = 0; x < sums.length; x++) {
    const sum = sums[x] ?? 1;
    for (const end = at + fours; at < end; at += 4) {
      row[at] = Math.fround((row[at] ?? 0) / sum) + (before[at] ?? 0);
      row[at + 1] = Math.fround((row[at + 1] ?? 0) / sum) + (before[at + 1] ?? 0);
      row[at + 2] = Math.fround((row[at + 2] ?? 0) / sum) + (before[at + 2] ?? 0);
      row[at + 3] = Math.fround((row[at + 3] ?? 0) / sum) + (before[at + 3] ?? 0);
    }
    for (const end = at + rest; at < end; at++) row[at] = Math.fround((row[at] ?? 0) / sum) + (before[at] ?? 0);
  }
}

/**
 * The count map: the importance maps of all tiles summed per pixel, in float32 and in the order in which the tiles are
 * predicted (tile rows outer, columns inner). It divides the blended softmax and is the same for all folds and classes.
 *
 * Caches the latest rows, as many as a tile has, so that the folds share the work.
 */
export class WeightSums {
  readonly #grid: TileGrid;
  readonly #kept: Float32Array;
  readonly #rows: Int32Array;

  constructor(grid: TileGrid) {
    this.#grid = grid;
    this.#kept = new Float32Array(grid.patch.height * grid.padded.width);
    this.#rows = new Int32Array(grid.patch.height).fill(-1);
  }

  /**
   * Returns a row of the count map.
   *
   * @param y - Row of the padded image in px.
   * @returns padded.width float32, above 0; valid until the next call.
   */
  ofRow(y: number): Float32Array {
    const slot = y % this.#rows.length;
    const width = this.#grid.padded.width;
    const sums = this.#kept.subarray(slot * width, (slot + 1) * width);
    if (this.#rows[slot] !== y) {
      sumWeights(this.#grid, y, sums);
      this.#rows[slot] = y;
    }
    return sums;
  }
}

function sumWeights({ patch, rows, columns, weights }: TileGrid, y: number, sums: Float32Array): void {
  sums.fill(0);
  for (const top of rows) {
    const i = y - top;
    if (i < 0 || i >= patch.height) continue;
    for (const left of columns) {
      for (let j = 0; j < patch.width; j++) {
        sums[left + j] = (sums[left + j] ?? 0) + (weights[i * patch.width + j] ?? 0);
      }
    }
  }
}
