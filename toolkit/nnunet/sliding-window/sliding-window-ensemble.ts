import type { FoldNetworks } from '../networks/open-networks.ts';
import { accumulateTile, addNormalisedRow, WeightSums } from './accumulate-tiles.ts';
import { type DecideRow, rowDecider } from './decide-row.ts';
import { writeDecidedRows } from './decided-rows.ts';
import type { PartialRoi } from './partial-roi.ts';
import { PassesAhead } from './passes-ahead.ts';
import type { RoiStep } from './roi-job.ts';
import { stepAfter } from './step-order.ts';
import { finishedRows } from './tile-grid.ts';
import type { TiledRoi } from './tiled-roi.ts';

/** Rows of the ensemble's sum that are read at once, to keep the buffer small. */
const ROWS_AT_ONCE = 16;

/**
 * Predicts an image tile row by tile row and fold by fold, in the order of sums of nnU-Net, in little memory.
 *
 * In memory lies one accumulator: the rows of the current tile row, for one fold. Rows that a later tile row adds to
 * are carried over in a file (`carry-<row>-<fold>`), the sum of the folds' outputs in another
 * (`ensemble-<row>-<fold>`). Both are rewritten every time, never updated in place, so that a step done twice does not
 * add twice.
 *
 * The network is always ahead, also across steps: it has a thread of its own, and what is summed, divided, checked and
 * written here would leave the cores idle otherwise. The order of the sums is that of the tiles all the same.
 */
export class SlidingWindowEnsemble {
  readonly #roi: TiledRoi;
  readonly #networks: FoldNetworks;
  readonly #partial: PartialRoi;
  readonly #beforeTile: (step: RoiStep, index: number) => void;
  readonly #accumulator: Float32Array;
  readonly #weightSums: WeightSums;
  readonly #decideRow: DecideRow;
  /** Floats of one row of the accumulator. */
  readonly #stride: number;

  /**
   * @param beforeTile - Called before every tile is awaited with its place in its step; what it throws ends the
   *   prediction behind the tile before, as soon as the passes ahead are done.
   */
  constructor(
    roi: TiledRoi,
    networks: FoldNetworks,
    partial: PartialRoi,
    beforeTile: (step: RoiStep, index: number) => void,
  ) {
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

  /** Does every step that is not done and commits each. */
  async run(): Promise<void> {
    const passes = new PassesAhead(this.#roi, this.#networks, this.#stepsFrom(this.#partial.next));
    try {
      while (this.#partial.next.row < this.#roi.grid.rows.length) {
        const step = this.#partial.next;
        this.#startBand(step);
        for (const [index, left] of (this.#roi.tiles[step.row] ?? []).entries()) {
          this.#beforeTile(step, index);
          const buffers = await passes.next();
          accumulateTile(this.#accumulator, this.#roi.grid, this.#networks.classes, left, buffers.output);
          passes.giveBack(buffers);
        }
        this.#finish(step);
      }
    } finally {
      await passes.settle();
    }
  }

  *#stepsFrom(first: RoiStep): Generator<RoiStep> {
    const rows = this.#roi.grid.rows.length;
    for (let step = first; step.row < rows; step = stepAfter(step, rows, this.#networks.folds)) yield step;
  }

  #finish(step: RoiStep): void {
    const superseded = [...this.#carryOver(step), ...this.#finishRows(step)];
    this.#partial.commit(stepAfter(step, this.#roi.grid.rows.length, this.#networks.folds), superseded);
  }

  /** Fills the accumulator with what earlier tile rows left of it, and zeros. */
  #startBand({ row, fold }: RoiStep): void {
    const carried = row === 0 ? 0 : this.#unfinishedAfter(row - 1) * this.#stride;
    if (carried > 0) this.#partial.readFloats(carryFile(row - 1, fold), 0, this.#accumulator.subarray(0, carried));
    this.#accumulator.fill(0, carried);
  }

  /** Writes the accumulator's unfinished rows for the next tile row. Returns the files that this replaces. */
  #carryOver({ row, fold }: RoiStep): readonly string[] {
    const { from, to } = finishedRows(this.#roi.grid, row);
    if (this.#unfinishedAfter(row) > 0) {
      this.#partial.writeFloats(carryFile(row, fold), this.#accumulator.subarray((to - from) * this.#stride));
    }
    return row > 0 ? [carryFile(row - 1, fold)] : [];
  }

  /**
   * Adds the accumulator's finished rows to the ensemble; with the last fold, decides them. Returns the files it
   * replaces.
   */
  #finishRows({ row, fold }: RoiStep): readonly string[] {
    const { from, to } = finishedRows(this.#roi.grid, row);
    const finished = this.#accumulator.subarray(0, (to - from) * this.#stride);
    const replaced = fold > 0 ? [ensembleFile(row, fold - 1)] : [];
    const before = new Float32Array(ROWS_AT_ONCE * this.#stride);
    for (let y = from; y < to; y += ROWS_AT_ONCE) {
      const rows = Math.min(ROWS_AT_ONCE, to - y);
      for (const file of replaced) {
        this.#partial.readFloats(file, (y - from) * this.#stride, before.subarray(0, rows * this.#stride));
      }
      for (let k = 0; k < rows; k++) {
        const sums = this.#weightSums.ofRow(y + k);
        addNormalisedRow(this.#rowOf(finished, y + k - from), sums, this.#networks.classes, this.#rowOf(before, k));
      }
    }
    if (fold === this.#networks.folds - 1) this.#decide(row, finished);
    else this.#partial.writeFloats(ensembleFile(row, fold), finished);
    return replaced;
  }

  #decide(row: number, total: Float32Array): void {
    const { offset } = this.#roi.grid;
    const { classes, folds } = this.#networks;
    const { from } = finishedRows(this.#roi.grid, row);
    const first = offset.x * classes;
    writeDecidedRows(this.#roi, row, this.#partial, (y, labels, margins) => {
      const sums = this.#rowOf(total, y - from).subarray(first, first + labels.length * classes);
      return this.#decideRow(sums, folds, labels, margins);
    });
  }

  #rowOf(rows: Float32Array, index: number): Float32Array {
    return rows.subarray(index * this.#stride, (index + 1) * this.#stride);
  }

  #unfinishedAfter(row: number): number {
    const { from, to } = finishedRows(this.#roi.grid, row);
    return this.#roi.grid.patch.height - (to - from);
  }
}

function carryFile(row: number, fold: number): string {
  return `carry-${row}-${fold}`;
}

function ensembleFile(row: number, fold: number): string {
  return `ensemble-${row}-${fold}`;
}
