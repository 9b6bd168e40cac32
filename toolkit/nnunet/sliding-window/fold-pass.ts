import { markHandled } from '../../concurrency.ts';
import { ReigniteError } from '../../errors.ts';
import type { FoldNetworks } from '../networks/open-networks.ts';
import { accumulateTile, addNormalisedRow, WeightSums } from './band.ts';
import { type DecideRow, rowDecider } from './decide-row.ts';
import type { PartialRoi } from './partial-roi.ts';
import { bytesOf } from './raw-file.ts';
import type { RoiStep } from './roi-job.ts';
import { stepAfter } from './step-order.ts';
import { finishedRows, startOfRow } from './tile-grid.ts';
import { fillTileInput } from './tile-input.ts';
import { isAnnotated, NOT_PREDICTED } from './tile-scope.ts';
import type { TiledRoi } from './tiled-roi.ts';

/** The margin of a pixel that no network was asked about. */
const FULL_MARGIN = 65535;
/** Rows of the ensemble's sum that are read at once, to keep the buffer small. */
const ROWS_AT_ONCE = 16;

/** Memory of one pass of a network. */
interface PassBuffers {
  readonly input: Float32Array;
  readonly output: Float32Array;
}

/** One tile with one fold, in the order in which they are predicted. */
interface Pass {
  readonly step: RoiStep;
  /** Place of the tile among those of its step. */
  readonly index: number;
  /** First column of the tile in the padded image, px. */
  readonly left: number;
}

/** Passes that are started before they are needed: one that the network runs, one that waits for it. */
const AHEAD = 2;

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
  readonly #spare: PassBuffers[];
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
    const pixels = patch.height * patch.width;
    this.#spare = Array.from({ length: AHEAD }, () => ({
      input: sharedFloats(networks.method.normalisation.length * pixels),
      output: sharedFloats(networks.classes * pixels),
    }));
    this.#weightSums = new WeightSums(roi.grid);
    this.#decideRow = rowDecider(networks.method.decision, networks.classes);
  }

  /** Does every step that is not done and commits each. */
  async run(): Promise<void> {
    const passes = this.#passesFrom(this.#partial.next);
    const ahead: Promise<PassBuffers>[] = [];
    try {
      while (this.#partial.next.row < this.#roi.grid.rows.length) {
        const step = this.#partial.next;
        this.#startBand(step);
        for (const [index, left] of (this.#roi.tiles[step.row] ?? []).entries()) {
          this.#beforeTile(step, index);
          this.#begin(passes, ahead);
          const buffers = await ahead.shift();
          if (buffers === undefined) throw new RangeError('Expected a pass for every tile');
          accumulateTile(this.#accumulator, this.#roi.grid, this.#networks.classes, left, buffers.output);
          this.#spare.push(buffers);
        }
        this.#finish(step);
      }
    } finally {
      // The networks are the next job's when this one has ended, however it ended.
      await Promise.allSettled(ahead);
    }
  }

  /** The passes of all steps from `step` on, in their order. */
  *#passesFrom(first: RoiStep): Generator<Pass> {
    const rows = this.#roi.grid.rows.length;
    for (let step = first; step.row < rows; step = stepAfter(step, rows, this.#networks.folds)) {
      for (const [index, left] of (this.#roi.tiles[step.row] ?? []).entries()) yield { step, index, left };
    }
  }

  /** Begins passes as long as there are buffers for them. */
  #begin(passes: Iterator<Pass, unknown>, ahead: Promise<PassBuffers>[]): void {
    for (let buffers = this.#spare.pop(); buffers !== undefined; buffers = this.#spare.pop()) {
      const next = passes.next();
      if (next.done === true) return;
      const pass = this.#predict(next.value, buffers);
      // It is awaited when its turn has come: until then its failure is not seen.
      markHandled(pass);
      ahead.push(pass);
    }
  }

  async #predict({ step, left }: Pass, buffers: PassBuffers): Promise<PassBuffers> {
    const { grid, rgb, values } = this.#roi;
    fillTileInput(rgb, values, grid, startOfRow(grid, step.row), left, buffers.input);
    await this.#networks.run(step.fold, buffers.input, buffers.output);
    return buffers;
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

  /**
   * Labels and confidences of the rows that a tile row finishes: of the image, with what lies around the predicted
   * part.
   */
  #decide(row: number, total: Float32Array): void {
    const { grid, truth, whole, part } = this.#roi;
    const { from, to } = finishedRows(grid, row);
    const top = Math.max(from, grid.offset.y);
    const bottom = Math.min(to, grid.offset.y + grid.image.height);
    const isLast = row === grid.rows.length - 1;
    const first = row === 0 ? 0 : part.top + top - grid.offset.y;
    const end = isLast ? whole.height : part.top + bottom - grid.offset.y;
    const labels = new Uint8Array(Math.max(0, end - first) * whole.width);
    // Around the part everything is 0 by rule, not by a network.
    const margins = new Uint16Array(labels.length).fill(FULL_MARGIN);
    for (let y = top; y < bottom; y++) {
      const at = (part.top + y - grid.offset.y - first) * whole.width + part.left;
      const after = at + grid.image.width;
      this.#decideImageRow(this.#rowOf(total, y - from), y, labels.subarray(at, after), margins.subarray(at, after));
    }
    if (truth !== undefined) blankUnannotated(truth.subarray(first * whole.width, end * whole.width), labels, margins);
    this.#partial.writeBytes(labelsFile(row), labels);
    this.#partial.writeBytes(marginsFile(row), bytesOf(margins));
  }

  #decideImageRow(total: Float32Array, y: number, labels: Uint8Array, margins: Uint16Array): void {
    const { offset } = this.#roi.grid;
    const { classes, folds } = this.#networks;
    const first = offset.x * classes;
    const sums = total.subarray(first, first + labels.length * classes);
    if (this.#decideRow(sums, folds, labels, margins)) return;
    const row = y - offset.y + this.#roi.part.top;
    throw new ReigniteError('INFERENCE_FAILED', `The networks gave NaN in row ${row} of the image.`);
  }

  #rowOf(rows: Float32Array, index: number): Float32Array {
    return rows.subarray(index * this.#stride, (index + 1) * this.#stride);
  }

  #unfinishedAfter(row: number): number {
    const { from, to } = finishedRows(this.#roi.grid, row);
    return this.#roi.grid.patch.height - (to - from);
  }
}

/** Memory that a thread of networks can fill. */
function sharedFloats(length: number): Float32Array {
  return new Float32Array(new SharedArrayBuffer(length * Float32Array.BYTES_PER_ELEMENT));
}

function blankUnannotated(truth: Uint8Array, labels: Uint8Array, margins: Uint16Array): void {
  truth.forEach((value, x) => {
    if (isAnnotated(value)) return;
    labels[x] = NOT_PREDICTED;
    margins[x] = 0;
  });
}

/** The labels of the rows that a tile row finishes, uint8; those of all tile rows in turn are the image's. */
export function labelsFile(row: number): string {
  return `labels-${row}`;
}

/** Their confidences, uint16. */
export function marginsFile(row: number): string {
  return `margins-${row}`;
}

function carryFile(row: number, fold: number): string {
  return `carry-${row}-${fold}`;
}

function ensembleFile(row: number, fold: number): string {
  return `ensemble-${row}-${fold}`;
}
