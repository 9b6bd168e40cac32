import { markHandled } from '../../concurrency.ts';
import type { FoldNetworks } from '../networks/ort-fold-networks.ts';
import type { PartialRoi, RoiStep } from './partial-roi.ts';
import { TileBand } from './tile-band.ts';
import { finishedRows, type Size, startOfRow, tileGrid } from './tile-grid.ts';
import { fillTileInput, type PassBuffers, passBuffers } from './tile-input.ts';
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

/**
 * Tile rows that are predicted with one fold before the network of the next fold is opened, which for the paper's takes
 * a third of the time of a tile. Meanwhile, the sums of those rows are on disk. The sums of a pixel keep their order:
 * tile rows within a fold, then fold by fold.
 */
export const ROWS_PER_FOLD = 4;

/**
 * Returns the next step: the next tile row of its group with the same fold, else the group's first row with the next
 * fold, else the next group. `{ row: rows, fold: 0 }` if there is none.
 *
 * @param rows - Tile rows of the image.
 * @param folds - Networks of the ensemble.
 */
export function stepAfter({ row, fold }: RoiStep, rows: number, folds: number): RoiStep {
  const first = row - (row % ROWS_PER_FOLD);
  const end = Math.min(first + ROWS_PER_FOLD, rows);
  if (row + 1 < end) return { row: row + 1, fold };
  if (fold + 1 < folds) return { row: first, fold: fold + 1 };
  return { row: end, fold: 0 };
}

/** Yields the steps before `step`, in order. */
export function* stepsBefore(step: RoiStep, rows: number, folds: number): Generator<RoiStep> {
  let at: RoiStep = { row: 0, fold: 0 };
  while (at.row !== step.row || at.fold !== step.fold) {
    yield at;
    at = stepAfter(at, rows, folds);
  }
}

/**
 * Computes the peak disk space of one ROI's partial result: as float32, the unfinished rows of each fold and the
 * ensemble sums of a group of tile rows, each with one more file while it is replaced; and three bytes per pixel of
 * labels and confidences.
 *
 * @param image - px
 * @param model - Tile size in px, classes and folds.
 * @returns Bytes.
 */
export function partialRoiBytes(
  image: Size,
  model: { readonly patch: Size; readonly classes: number; readonly folds: number },
): number {
  const grid = tileGrid(image, model.patch);
  const rowBytes = grid.padded.width * model.classes * Float32Array.BYTES_PER_ELEMENT;
  const finished = grid.rows.map((_, row) => {
    const { from, to } = finishedRows(grid, row);
    return to - from;
  });
  const mostCarried = model.patch.height - Math.min(...finished);
  const carries = (model.folds + 1) * mostCarried * rowBytes;
  const ensembles = (Math.min(ROWS_PER_FOLD, grid.rows.length) + 1) * Math.max(...finished) * rowBytes;
  return carries + ensembles + 3 * image.height * image.width;
}

/** One tile to predict with one fold. */
interface Pass {
  readonly step: RoiStep;
  /** First column of the tile in the padded image, px. */
  readonly left: number;
}

/** Passes that are started ahead: one that the network runs and one that is queued. */
const AHEAD = 2;

/**
 * Runs the networks over the tiles of an image, ahead of the processing of their outputs. The networks have their own
 * thread, so that the cores are not idle while outputs are summed, divided, checked and written. Outputs are returned
 * in the order of the steps.
 */
export class PassesAhead {
  readonly #roi: TiledRoi;
  readonly #networks: FoldNetworks;
  readonly #passes: Iterator<Pass, unknown>;
  readonly #spare: PassBuffers[];
  readonly #ahead: Promise<PassBuffers>[] = [];

  /** @param steps - All tiles of each step are predicted. */
  constructor(roi: TiledRoi, networks: FoldNetworks, steps: Iterable<RoiStep>) {
    this.#roi = roi;
    this.#networks = networks;
    this.#passes = passesOf(roi, steps);
    this.#spare = Array.from({ length: AHEAD }, () => passBuffers(networks));
  }

  /** Waits for the next pass. The caller must return its buffers with `giveBack`. */
  async next(): Promise<PassBuffers> {
    this.#begin();
    const buffers = await this.#ahead.shift();
    if (buffers === undefined) throw new RangeError('Expected a pass for every tile');
    return buffers;
  }

  giveBack(buffers: PassBuffers): void {
    this.#spare.push(buffers);
  }

  /** Waits for passes that were started, so that the networks are free for the next job even if this one failed. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.#ahead);
  }

  /** Starts passes as long as buffers are free. */
  #begin(): void {
    for (let buffers = this.#spare.pop(); buffers !== undefined; buffers = this.#spare.pop()) {
      const next = this.#passes.next();
      if (next.done === true) return;
      const pass = this.#predict(next.value, buffers);
      // A failure is reported when the pass is awaited in its turn.
      markHandled(pass);
      this.#ahead.push(pass);
    }
  }

  async #predict({ step, left }: Pass, buffers: PassBuffers): Promise<PassBuffers> {
    const { grid, pixels, values } = this.#roi;
    fillTileInput(pixels, values, grid, startOfRow(grid, step.row), left, buffers.input);
    await this.#networks.run(step.fold, buffers.input, buffers.output);
    return buffers;
  }
}

function* passesOf({ tiles }: TiledRoi, steps: Iterable<RoiStep>): Generator<Pass> {
  for (const step of steps) {
    for (const left of tiles[step.row] ?? []) yield { step, left };
  }
}
