import type { FoldNetworks } from '../networks/open-networks.ts';
import { accumulateTile, addNormalisedRow, WeightSums } from '../sliding-window/accumulate-tiles.ts';
import { type DecideRow, rowDecider } from '../sliding-window/decide-row.ts';
import { writeDecidedRows } from '../sliding-window/decided-rows.ts';
import type { PartialRoi } from '../sliding-window/partial-roi.ts';
import { PassesAhead } from '../sliding-window/passes-ahead.ts';
import type { BeforeTile, ImagePass } from '../sliding-window/segment-roi.ts';
import { finishedRows } from '../sliding-window/tile-grid.ts';
import type { TiledRoi } from '../sliding-window/tiled-roi.ts';
import { carryFile, passesBefore } from './rows-done.ts';

/**
 * Predicts an image tile row by tile row with all folds, whose outputs are added into one sum: a fifth of the memory, of the
 * divisions and of the files that a sum for each fold takes. A pixel's terms are those of the exact engine in another
 * order. One row of tiles is committed at a time.
 */
export class HostRows implements ImagePass {
  readonly #roi: TiledRoi;
  readonly #networks: FoldNetworks;
  readonly #partial: PartialRoi;
  readonly #beforeTile: BeforeTile;
  readonly #accumulator: Float32Array;
  readonly #weightSums: WeightSums;
  readonly #decideRow: DecideRow;
  /** Floats of one row of the accumulator. */
  readonly #stride: number;

  constructor(roi: TiledRoi, networks: FoldNetworks, partial: PartialRoi, beforeTile: BeforeTile) {
    const { patch, padded } = roi.grid;
    this.#roi = roi;
    this.#networks = networks;
    this.#partial = partial;
    this.#beforeTile = beforeTile;
    this.#stride = padded.width * networks.classes;
    this.#accumulator = new Float32Array(patch.height * this.#stride);
    this.#weightSums = new WeightSums(roi.grid);
    this.#decideRow = rowDecider(networks.method.decision, networks.classes);
  }

  async run(): Promise<void> {
    const { grid } = this.#roi;
    const passes = new PassesAhead(this.#roi, this.#networks, this.#stepsFrom(this.#partial.next.row));
    try {
      for (let { row } = this.#partial.next; row < grid.rows.length; row++) {
        this.#startBand(row);
        await this.#addRow(row, passes);
        this.#finish(row);
      }
    } finally {
      await passes.settle();
    }
  }

  async #addRow(row: number, passes: PassesAhead): Promise<void> {
    const tiles = this.#roi.tiles[row] ?? [];
    let done = passesBefore(this.#roi, row, this.#networks.folds);
    for (let fold = 0; fold < this.#networks.folds; fold++) {
      for (const left of tiles) {
        this.#beforeTile({ row, fold }, done++);
        const buffers = await passes.next();
        accumulateTile(this.#accumulator, this.#roi.grid, this.#networks.classes, left, buffers.output);
        passes.giveBack(buffers);
      }
    }
  }

  *#stepsFrom(first: number) {
    for (let row = first; row < this.#roi.grid.rows.length; row++) {
      for (let fold = 0; fold < this.#networks.folds; fold++) yield { row, fold };
    }
  }

  /** Fills the accumulator with what earlier tile rows left of it, and zeros. */
  #startBand(row: number): void {
    const carried = row === 0 ? 0 : this.#unfinishedAfter(row - 1) * this.#stride;
    if (carried > 0) this.#partial.readFloats(carryFile(row - 1), 0, this.#accumulator.subarray(0, carried));
    this.#accumulator.fill(0, carried);
  }

  #finish(row: number): void {
    const { grid } = this.#roi;
    const { from, to } = finishedRows(grid, row);
    if (this.#unfinishedAfter(row) > 0) {
      this.#partial.writeFloats(carryFile(row), this.#accumulator.subarray((to - from) * this.#stride));
    }
    const { classes, folds } = this.#networks;
    const zeros = new Float32Array(this.#stride);
    const first = grid.offset.x * classes;
    writeDecidedRows(this.#roi, row, this.#partial, (y, labels, margins) => {
      const total = this.#accumulator.subarray((y - from) * this.#stride, (y - from + 1) * this.#stride);
      addNormalisedRow(total, this.#weightSums.ofRow(y), classes, zeros);
      return this.#decideRow(total.subarray(first, first + labels.length * classes), folds, labels, margins);
    });
    this.#partial.commit({ row: row + 1, fold: 0 }, row > 0 ? [carryFile(row - 1)] : []);
  }

  #unfinishedAfter(row: number): number {
    const { from, to } = finishedRows(this.#roi.grid, row);
    return this.#roi.grid.patch.height - (to - from);
  }
}
