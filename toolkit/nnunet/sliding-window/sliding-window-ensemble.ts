import type { FoldNetworks } from '../networks/open-networks.ts';
import type { PartialRoi } from './partial-roi.ts';
import { PassesAhead } from './passes-ahead.ts';
import type { RoiStep } from './roi-job.ts';
import { stepAfter } from './step-order.ts';
import { TileBand } from './tile-band.ts';
import { finishedRows } from './tile-grid.ts';
import type { TiledRoi } from './tiled-roi.ts';

/** Rows of the ensemble's sum that are read at once, to keep the buffer small. */
const ROWS_AT_ONCE = 16;

/**
 * Predicts an image tile row by tile row and fold by fold, with little memory. Sums are added in the same order as in
 * nnU-Net.
 *
 * Only the sums of one tile row and one fold are in memory. Rows to which a later tile row adds are carried over in a
 * file (`carry-<row>-<fold>`), and the sums over the folds in another (`ensemble-<row>-<fold>`). Both are always
 * rewritten instead of updated, so that a repeated step does not add twice.
 *
 * The networks run ahead in their own thread, also across steps, so that the cores are not idle while outputs are
 * summed, divided, checked and written. Outputs are still added in the order of the tiles.
 */
export class SlidingWindowEnsemble {
  readonly #roi: TiledRoi;
  readonly #networks: FoldNetworks;
  readonly #partial: PartialRoi;
  readonly #beforeTile: (step: RoiStep, index: number) => void;
  readonly #band: TileBand;

  /**
   * @param beforeTile - Called before each tile is awaited, with its index in its step. If it throws, the prediction
   *   ends after the previous tile, as soon as the passes ahead are done.
   */
  constructor(
    roi: TiledRoi,
    networks: FoldNetworks,
    partial: PartialRoi,
    beforeTile: (step: RoiStep, index: number) => void,
  ) {
    this.#roi = roi;
    this.#networks = networks;
    this.#partial = partial;
    this.#beforeTile = beforeTile;
    this.#band = new TileBand(roi, networks, partial);
  }

  /** Computes and commits all remaining steps. */
  async run(): Promise<void> {
    const passes = new PassesAhead(this.#roi, this.#networks, this.#stepsFrom(this.#partial.next));
    try {
      while (this.#partial.next.row < this.#roi.grid.rows.length) {
        const step = this.#partial.next;
        this.#band.start(step.row, carryFile(step.row - 1, step.fold));
        for (const [index, left] of (this.#roi.tiles[step.row] ?? []).entries()) {
          this.#beforeTile(step, index);
          const buffers = await passes.next();
          this.#band.add(left, buffers.output);
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

  /** Writes the unfinished rows for the next tile row. Returns the files that this replaces. */
  #carryOver({ row, fold }: RoiStep): readonly string[] {
    this.#band.carryOver(row, carryFile(row, fold));
    return row > 0 ? [carryFile(row - 1, fold)] : [];
  }

  /** Adds the finished rows to the ensemble; after the last fold, decides their labels. Returns the files that this replaces. */
  #finishRows({ row, fold }: RoiStep): readonly string[] {
    const { from, to } = finishedRows(this.#roi.grid, row);
    const { stride } = this.#band;
    const finished = this.#band.finished(row);
    const rowAt = (y: number) => finished.subarray((y - from) * stride, (y - from + 1) * stride);
    const replaced = fold > 0 ? [ensembleFile(row, fold - 1)] : [];
    const before = new Float32Array(ROWS_AT_ONCE * stride);
    for (let y = from; y < to; y += ROWS_AT_ONCE) {
      const rows = Math.min(ROWS_AT_ONCE, to - y);
      for (const file of replaced) {
        this.#partial.readFloats(file, (y - from) * stride, before.subarray(0, rows * stride));
      }
      for (let k = 0; k < rows; k++) {
        this.#band.normalise(y + k, rowAt(y + k), before.subarray(k * stride, (k + 1) * stride));
      }
    }
    if (fold === this.#networks.folds - 1) this.#band.decide(row, rowAt);
    else this.#partial.writeFloats(ensembleFile(row, fold), finished);
    return replaced;
  }
}

function carryFile(row: number, fold: number): string {
  return `carry-${row}-${fold}`;
}

function ensembleFile(row: number, fold: number): string {
  return `ensemble-${row}-${fold}`;
}
