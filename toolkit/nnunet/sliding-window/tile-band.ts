import type { FoldNetworks } from '../networks/open-networks.ts';
import { accumulateTile, addNormalisedRow, WeightSums } from './accumulate-tiles.ts';
import { type DecideRow, rowDecider } from './decide-row.ts';
import { writeDecidedRows } from './decided-rows.ts';
import type { PartialRoi } from './partial-roi.ts';
import { finishedRows } from './tile-grid.ts';
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
