import { ReigniteError } from '../errors.ts';
import { argmaxAndMargin } from './argmax-margin.ts';
import { addNormalisedRow, addTileToBand } from './band.ts';
import type { FoldNetworks } from './fold-networks.ts';
import type { PartialRoi } from './partial-roi.ts';
import { bytesOf } from './raw-file.ts';
import type { RoiStep } from './roi-job.ts';
import { stepAfter } from './step-order.ts';
import { finishedRows, startOfRow, type TileGrid } from './tile-grid.ts';
import { fillTileInput } from './tile-input.ts';
import { isAnnotated, NOT_PREDICTED } from './tile-scope.ts';
import { WeightSums } from './weight-sums.ts';

/** Rows of the ensemble's sum that are read at once, to keep the buffer small. */
const ROWS_AT_ONCE = 16;

/** An image with its tiles. */
export interface TiledRoi {
  readonly grid: TileGrid;
  /** image.height x image.width x 3 uint8. */
  readonly rgb: Uint8Array;
  /** image.height x image.width uint8; where given, only annotated pixels get a label. */
  readonly truth?: Uint8Array;
  /** First columns of the tiles to predict, px in the padded image, a list a tile row. */
  readonly tiles: readonly (readonly number[])[];
}

/**
 * Predicts one tile row with one fold at a time, in the order of sums of nnU-Net v1, in little memory.
 *
 * In memory lies one band: the rows of the current tile row, for one fold. Rows that a later tile row adds to are
 * carried over in a file (`carry-<row>-<fold>`), the sum of the folds' softmax in another (`ensemble-<row>-<fold>`).
 * Both are written anew every time and never changed, so that a step done twice does not add twice.
 */
export class FoldPass {
  readonly #roi: TiledRoi;
  readonly #networks: FoldNetworks;
  readonly #partial: PartialRoi;
  readonly #band: Float32Array;
  readonly #input: Float32Array;
  readonly #softmax: Float32Array;
  readonly #weightSums: WeightSums;
  /** Floats of one row of the band. */
  readonly #stride: number;

  constructor(roi: TiledRoi, networks: FoldNetworks, partial: PartialRoi) {
    const { patch, padded } = roi.grid;
    this.#roi = roi;
    this.#networks = networks;
    this.#partial = partial;
    this.#stride = padded.width * networks.classes;
    this.#band = new Float32Array(patch.height * this.#stride);
    this.#input = new Float32Array(3 * patch.height * patch.width);
    this.#softmax = new Float32Array(patch.height * patch.width * networks.classes);
    this.#weightSums = new WeightSums(roi.grid);
  }

  /**
   * Does one step and commits it.
   *
   * @param beforeTile - Called before every tile; what it throws ends the step, of which nothing then counts.
   */
  async run(step: RoiStep, beforeTile: () => void): Promise<void> {
    this.#startBand(step);
    await this.#predictTiles(step, beforeTile);
    const superseded = [...this.#carryOver(step), ...this.#finishRows(step)];
    this.#partial.commit(stepAfter(step, this.#roi.grid.rows.length, this.#networks.folds), superseded);
  }

  /** Fills the band with what earlier tile rows left of it, and zeros. */
  #startBand({ row, fold }: RoiStep): void {
    const carried = row === 0 ? 0 : this.#unfinishedAfter(row - 1) * this.#stride;
    if (carried > 0) this.#partial.readFloats(carryFile(row - 1, fold), 0, this.#band.subarray(0, carried));
    this.#band.fill(0, carried);
  }

  async #predictTiles({ row, fold }: RoiStep, beforeTile: () => void): Promise<void> {
    const { grid, rgb, tiles } = this.#roi;
    const top = startOfRow(grid, row);
    for (const left of tiles[row] ?? []) {
      beforeTile();
      fillTileInput(rgb, grid, top, left, this.#input);
      await this.#networks.run(fold, this.#input, this.#softmax);
      addTileToBand(this.#band, grid, this.#networks.classes, left, this.#softmax);
    }
  }

  /** Writes the band's unfinished rows for the next tile row. Returns the files that this replaces. */
  #carryOver({ row, fold }: RoiStep): readonly string[] {
    const { from, to } = finishedRows(this.#roi.grid, row);
    if (this.#unfinishedAfter(row) > 0) {
      this.#partial.writeFloats(carryFile(row, fold), this.#band.subarray((to - from) * this.#stride));
    }
    return row > 0 ? [carryFile(row - 1, fold)] : [];
  }

  /** Adds the band's finished rows to the ensemble; with the last fold, decides them. Returns the files it replaces. */
  #finishRows({ row, fold }: RoiStep): readonly string[] {
    const { from, to } = finishedRows(this.#roi.grid, row);
    const finished = this.#band.subarray(0, (to - from) * this.#stride);
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

  /** Labels and margins of the rows that a tile row finishes, cropped to the image. */
  #decide(row: number, total: Float32Array): void {
    const { grid, truth } = this.#roi;
    const { from, to } = finishedRows(grid, row);
    const { width, height } = grid.image;
    const top = Math.max(from, grid.offset.y);
    const bottom = Math.min(to, grid.offset.y + height);
    const labels = new Uint8Array(Math.max(0, bottom - top) * width);
    const margins = new Uint16Array(labels.length);
    const { classes, folds } = this.#networks;
    for (let y = top; y < bottom; y++) {
      const first = grid.offset.x * classes;
      const sums = this.#rowOf(total, y - from).subarray(first, first + width * classes);
      const at = (y - top) * width;
      const labelsOfRow = labels.subarray(at, at + width);
      const marginsOfRow = margins.subarray(at, at + width);
      if (!argmaxAndMargin(sums, classes, folds, labelsOfRow, marginsOfRow)) {
        throw new ReigniteError('INFERENCE_FAILED', `The networks gave NaN in row ${y - grid.offset.y} of the image.`);
      }
      const truthRow = truth?.subarray((y - grid.offset.y) * width, (y - grid.offset.y + 1) * width);
      if (truthRow !== undefined) blankUnannotated(truthRow, labelsOfRow, marginsOfRow);
    }
    this.#partial.writeBytes(labelsFile(row), labels);
    this.#partial.writeBytes(marginsFile(row), bytesOf(margins));
  }

  #rowOf(rows: Float32Array, index: number): Float32Array {
    return rows.subarray(index * this.#stride, (index + 1) * this.#stride);
  }

  #unfinishedAfter(row: number): number {
    const { from, to } = finishedRows(this.#roi.grid, row);
    return this.#roi.grid.patch.height - (to - from);
  }
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

/** Their margins, uint16. */
export function marginsFile(row: number): string {
  return `margins-${row}`;
}

function carryFile(row: number, fold: number): string {
  return `carry-${row}-${fold}`;
}

function ensembleFile(row: number, fold: number): string {
  return `ensemble-${row}-${fold}`;
}
