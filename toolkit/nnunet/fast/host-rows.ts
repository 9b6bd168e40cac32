import type { FoldNetworks } from '../networks/open-networks.ts';
import type { PartialRoi } from '../sliding-window/partial-roi.ts';
import { PassesAhead } from '../sliding-window/passes-ahead.ts';
import type { BeforeTile, ImagePass } from '../sliding-window/segment-roi.ts';
import { TileBand } from '../sliding-window/tile-band.ts';
import { finishedRows } from '../sliding-window/tile-grid.ts';
import type { TiledRoi } from '../sliding-window/tiled-roi.ts';
import { carryFile, passesBefore } from './rows-done.ts';

/**
 * Predicts an image tile row by tile row and adds the outputs of all folds to one sum. With five folds, that needs a
 * fifth of the memory, divisions and files of one sum per fold. The terms of a pixel are those of the exact engine in
 * another order. Each tile row is committed.
 */
export class HostRows implements ImagePass {
  readonly #roi: TiledRoi;
  readonly #networks: FoldNetworks;
  readonly #partial: PartialRoi;
  readonly #beforeTile: BeforeTile;
  readonly #band: TileBand;

  constructor(roi: TiledRoi, networks: FoldNetworks, partial: PartialRoi, beforeTile: BeforeTile) {
    this.#roi = roi;
    this.#networks = networks;
    this.#partial = partial;
    this.#beforeTile = beforeTile;
    this.#band = new TileBand(roi, networks, partial);
  }

  async run(): Promise<void> {
    const { grid } = this.#roi;
    const passes = new PassesAhead(this.#roi, this.#networks, this.#stepsFrom(this.#partial.next.row));
    try {
      for (let { row } = this.#partial.next; row < grid.rows.length; row++) {
        this.#band.start(row, carryFile(row - 1));
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
        this.#band.add(left, buffers.output);
        passes.giveBack(buffers);
      }
    }
  }

  *#stepsFrom(first: number) {
    for (let row = first; row < this.#roi.grid.rows.length; row++) {
      for (let fold = 0; fold < this.#networks.folds; fold++) yield { row, fold };
    }
  }

  #finish(row: number): void {
    this.#band.carryOver(row, carryFile(row));
    const { stride } = this.#band;
    const { from } = finishedRows(this.#roi.grid, row);
    const finished = this.#band.finished(row);
    const zeros = new Float32Array(stride);
    this.#band.decide(row, (y) => {
      const total = finished.subarray((y - from) * stride, (y - from + 1) * stride);
      this.#band.normalise(y, total, zeros);
      return total;
    });
    this.#partial.commit({ row: row + 1, fold: 0 }, row > 0 ? [carryFile(row - 1)] : []);
  }
}
