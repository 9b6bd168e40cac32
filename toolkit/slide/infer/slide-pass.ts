import { ReigniteError } from '../../errors.ts';
import type { FoldNetworks } from '../../nnunet/networks/ort-fold-networks.ts';
import { type DecideRow, rowDecider } from '../../nnunet/sliding-window/decide-row.ts';
import type { PieceFile } from '../../nnunet/sliding-window/partial-files.ts';
import type { PartialRoi, RoiStep } from '../../nnunet/sliding-window/partial-roi.ts';
import { stepAfter } from '../../nnunet/sliding-window/sliding-window-ensemble.ts';
import { accumulateTile, addNormalisedRow, WeightSums } from '../../nnunet/sliding-window/tile-band.ts';
import { finishedRows, startOfRow, type TileGrid } from '../../nnunet/sliding-window/tile-grid.ts';
import { DecidedRowsOfSlide } from './slide-rows.ts';
import { firstRowReaching, type StripRows, TileAhead, type TiledSlide } from './tiled-slide.ts';

/**
 * Predicts a slide tile row by tile row and fold by fold. The sums of every pixel are added in the order of nnU-Net, so the
 * result is bit-identical to that of one large image.
 *
 * A window as high as a tile and slightly wider moves from left to right through the tile row. Columns that leave the
 * window are complete for this tile row: their upper rows are final, their lower rows are passed to the next tile row in
 * a file (`carry-<row>-<fold>`). The sums over the folds are kept in other files (`ensemble-<row>-<fold>`). Columns
 * without tissue need neither memory nor disk. Memory does not grow with the slide, except for one byte of label and one
 * of confidence per pixel of the rows that one tile row finishes.
 *
 * A strip starts with the tile rows above it that reach into it, and steps count from the first of these.
 */
export class SlidePass {
  readonly #slide: TiledSlide;
  readonly #networks: FoldNetworks;
  readonly #partial: PartialRoi;
  readonly #beforeTile: (step: RoiStep, index: number) => void;
  readonly #segments: Segments;
  readonly #weightSums: WeightSums;
  readonly #decideRow: DecideRow;
  readonly #rows: StripRows;
  /** First tile row that is computed. */
  readonly #start: number;
  readonly #window: Float32Array;
  /** Grid of the window, to which tiles are added. */
  readonly #windowGrid: TileGrid;
  /** Index after the last segment with values in the window. A window of zeros need not be moved. */
  #filled = 0;

  /** @param beforeTile - Called before each tile with the step and the tile's index in it. An error it throws ends the run. */
  constructor(
    slide: TiledSlide,
    networks: FoldNetworks,
    partial: PartialRoi,
    rows: StripRows,
    beforeTile: (step: RoiStep, index: number) => void,
  ) {
    const { grid } = slide;
    this.#slide = slide;
    this.#networks = networks;
    this.#partial = partial;
    this.#rows = rows;
    this.#start = firstRowReaching(grid, rows.first);
    this.#beforeTile = beforeTile;
    this.#segments = new Segments(grid, slide.tiles);
    this.#weightSums = new WeightSums(grid);
    this.#decideRow = rowDecider(networks.method.decision, networks.classes);
    const width = Math.max(...grid.columns.map((left, k) => this.#segments.startOf(this.#segments.endOf(k)) - left));
    this.#windowGrid = { ...grid, padded: { height: grid.patch.height, width } };
    this.#window = new Float32Array(grid.patch.height * width * networks.classes);
  }

  /** Counts the tile rows that are computed, including those above the strip. */
  static rowsOf(grid: TileGrid, { first, end }: StripRows): number {
    return end - firstRowReaching(grid, first);
  }

  /** Runs the remaining steps and commits each of them. */
  async run(): Promise<void> {
    const ahead = new TileAhead(this.#slide, this.#networks, this.#passesFrom(this.#partial.next));
    try {
      while (this.#partial.next.row < this.#count) await this.#doStep(this.#partial.next, ahead);
    } finally {
      // The next job uses the same networks, so no pass may still be running, even after an error.
      await ahead.settle();
    }
  }

  get #count(): number {
    return this.#rows.end - this.#start;
  }

  /** Yields the tiles of all steps from `first` on, in order. */
  *#passesFrom(first: RoiStep) {
    for (let step = first; step.row < this.#count; step = stepAfter(step, this.#count, this.#networks.folds)) {
      const row = this.#start + step.row;
      for (const column of this.#slide.tiles[row] ?? []) yield { row, column, fold: step.fold };
    }
  }

  async #doStep(step: RoiStep, ahead: TileAhead): Promise<void> {
    const row = this.#start + step.row;
    const { fold } = step;
    const { grid } = this.#slide;
    const isLastRow = row === grid.rows.length - 1;
    const isLastFold = fold === this.#networks.folds - 1;
    const isWanted = row >= this.#rows.first;
    const carry = isLastRow || row === this.#rows.end - 1 ? undefined : this.#partial.openPieces(carryFile(row, fold));
    let ensemble: PieceFile | undefined;
    try {
      if (isWanted && !isLastFold) ensemble = this.#partial.openPieces(ensembleFile(row, fold));
      const band = isWanted && isLastFold ? new DecidedRowsOfSlide(this.#slide, row) : undefined;
      await this.#walk({ step, row, fold, carry, ensemble, band }, ahead);
      carry?.end();
      ensemble?.end();
      band?.write(this.#partial, row);
    } finally {
      carry?.close();
      ensemble?.close();
    }
    const superseded = [
      ...(row > this.#start ? [carryFile(row - 1, fold)] : []),
      ...(isWanted && fold > 0 ? [ensembleFile(row, fold - 1)] : []),
    ];
    this.#partial.commit(stepAfter(step, this.#count, this.#networks.folds), superseded);
  }

  /** Moves the window through one tile row. */
  async #walk(pass: RowPass, ahead: TileAhead): Promise<void> {
    const { row, fold } = pass;
    const segments = this.#segments;
    const wanted = new Set(this.#slide.tiles[row]);
    const carried = new Reader(this.#partial, carryFile(row - 1, fold));
    const before = new Reader(this.#partial, ensembleFile(row, fold - 1));
    let [loaded, index] = [0, 0];
    this.#window.fill(0);
    this.#filled = 0;
    for (let k = 0; k < segments.count; k++) {
      for (; loaded < segments.endOf(k); loaded++) this.#load(row, loaded, segments.startOf(k), carried);
      if (wanted.has(k)) {
        this.#beforeTile(pass.step, index++);
        const buffers = await ahead.next();
        accumulateTile(this.#window, this.#windowGrid, this.#networks.classes, 0, buffers.output);
        ahead.giveBack(buffers);
        this.#filled = Math.max(this.#filled, segments.endOf(k));
      }
      this.#unload(pass, k, before);
    }
  }

  /** Loads the sums that earlier tile rows left for a segment into the window, whose left border is at `left`. */
  #load(row: number, segment: number, left: number, carried: Reader): void {
    const top = startOfRow(this.#slide.grid, row);
    if (row === this.#start || !this.#segments.isTouched(segment, this.#start, row - 1, top)) return;
    const { classes } = this.#networks;
    const width = this.#segments.widthOf(segment) * classes;
    const rows = this.#unfinishedAfter(row - 1);
    const block = carried.read(rows * width);
    this.#filled = segment + 1;
    const from = (this.#segments.startOf(segment) - left) * classes;
    for (let y = 0; y < rows; y++) {
      this.#window.set(block.subarray(y * width, (y + 1) * width), y * this.#stride + from);
    }
  }

  /** Removes the leftmost segment from the window and moves the rest to the left. */
  #unload(pass: RowPass, segment: number, before: Reader): void {
    const { row } = pass;
    const { grid } = this.#slide;
    const { from, to } = finishedRows(grid, row);
    const width = this.#segments.widthOf(segment) * this.#networks.classes;
    if (this.#segments.isTouched(segment, this.#start, row, from)) {
      const finished = to - from;
      const isKept = row >= this.#rows.first;
      if (isKept) this.#finish(pass, segment, this.#cut(width, 0, finished), before);
      const isCarried = pass.carry !== undefined && this.#segments.isTouched(segment, this.#start, row, to);
      if (isCarried) pass.carry?.append(this.#cut(width, finished, grid.patch.height));
    }
    if (this.#filled <= segment) return;
    for (let y = 0; y < grid.patch.height; y++) {
      const start = y * this.#stride;
      this.#window.copyWithin(start, start + width, start + this.#stride);
      this.#window.fill(0, start + this.#stride - width, start + this.#stride);
    }
  }

  /** Copies rows `from` to `to` (excluded) of the leftmost `width` floats of the window. */
  #cut(width: number, from: number, to: number): Float32Array {
    const block = new Float32Array((to - from) * width);
    for (let y = from; y < to; y++) {
      block.set(this.#window.subarray(y * this.#stride, y * this.#stride + width), (y - from) * width);
    }
    return block;
  }

  /** Adds a finished block to the sum of the earlier folds. With the last fold, decides its labels. */
  #finish(pass: RowPass, segment: number, block: Float32Array, before: Reader): void {
    const { row, fold, ensemble, band } = pass;
    const { classes, folds } = this.#networks;
    const { from, to } = finishedRows(this.#slide.grid, row);
    const [start, columns] = [this.#segments.startOf(segment), this.#segments.widthOf(segment)];
    const width = columns * classes;
    const sum = fold === 0 ? undefined : before.read(block.length);
    const zeros = new Float32Array(width);
    for (let y = 0; y < to - from; y++) {
      const sums = this.#weightSums.ofRow(from + y).subarray(start, start + columns);
      const line = block.subarray(y * width, (y + 1) * width);
      addNormalisedRow(line, sums, classes, sum?.subarray(y * width, (y + 1) * width) ?? zeros);
      if (band?.decide(line, from + y, start, columns, this.#decideRow, folds) !== false) continue;
      throw new ReigniteError(
        'INFERENCE_FAILED',
        `The networks gave NaN in row ${band.imageRow(from + y)} of the slide.`,
      );
    }
    ensemble?.append(block);
  }

  get #stride(): number {
    return this.#windowGrid.padded.width * this.#networks.classes;
  }

  #unfinishedAfter(row: number): number {
    const { from, to } = finishedRows(this.#slide.grid, row);
    return this.#slide.grid.patch.height - (to - from);
  }
}

/** One tile row with one fold, and its output files. */
interface RowPass {
  readonly step: RoiStep;
  readonly row: number;
  readonly fold: number;
  readonly carry: PieceFile | undefined;
  readonly ensemble: PieceFile | undefined;
  readonly band: DecidedRowsOfSlide | undefined;
}

/** Reads a file of the partial result piece by piece. */
class Reader {
  readonly #partial: PartialRoi;
  readonly #name: string;
  #at = 0;

  constructor(partial: PartialRoi, name: string) {
    this.#partial = partial;
    this.#name = name;
  }

  read(length: number): Float32Array {
    const piece = new Float32Array(length);
    this.#partial.readFloats(this.#name, this.#at, piece);
    this.#at += length;
    return piece;
  }
}

function carryFile(row: number, fold: number): string {
  return `carry-${row}-${fold}`;
}

function ensembleFile(row: number, fold: number): string {
  return `ensemble-${row}-${fold}`;
}

/**
 * The columns of a slide, split where tiles start: segment k reaches from the start of tile column k to that of the next
 * one, and the last segment to the border. Once tile k of a tile row is added, segment k is complete for that row.
 */
class Segments {
  readonly #grid: TileGrid;
  readonly #tiles: readonly (readonly number[])[];
  /** Per tile row: 1 for each segment that one of its tiles covers. */
  readonly #touched = new Map<number, Uint8Array>();

  constructor(grid: TileGrid, tiles: readonly (readonly number[])[]) {
    this.#grid = grid;
    this.#tiles = tiles;
  }

  get count(): number {
    return this.#grid.columns.length;
  }

  /** Returns the first column of a segment, px in the padded image. */
  startOf(segment: number): number {
    return this.#grid.columns[segment] ?? this.#grid.padded.width;
  }

  widthOf(segment: number): number {
    return this.startOf(segment + 1) - this.startOf(segment);
  }

  /** Returns the index after the last segment that tile `column` covers. */
  endOf(column: number): number {
    const right = this.startOf(column) + this.#grid.patch.width;
    let end = column + 1;
    while (end < this.count && this.startOf(end) < right) end++;
    return end;
  }

  /** Returns whether a segment is covered by a tile of the tile rows `first` to `last` that reaches below `y`. */
  isTouched(segment: number, first: number, last: number, y: number): boolean {
    for (let row = last; row >= first && startOfRow(this.#grid, row) + this.#grid.patch.height > y; row--) {
      if (this.#touchedBy(row)[segment] === 1) return true;
    }
    return false;
  }

  #touchedBy(row: number): Uint8Array {
    const known = this.#touched.get(row);
    if (known !== undefined) return known;
    const touched = new Uint8Array(this.count);
    for (const column of this.#tiles[row] ?? []) touched.fill(1, column, this.endOf(column));
    this.#touched.set(row, touched);
    return touched;
  }
}
