import type { FoldNetworks } from '../networks/ort-fold-networks.ts';
import { writeDecidedRows } from '../sliding-window/decide-row.ts';
import type { PartialRoi } from '../sliding-window/partial-roi.ts';
import type { BeforeTile, ImagePass } from '../sliding-window/segment-roi.ts';
import { PassesAhead } from '../sliding-window/sliding-window-ensemble.ts';
import { TileBand } from '../sliding-window/tile-band.ts';
import { finishedRows, startOfRow } from '../sliding-window/tile-grid.ts';
import type { TiledRoi } from '../sliding-window/tiled-roi.ts';
import { NOT_A_NUMBER } from './decision-nodes.ts';
import { COVERING } from './rows-graph.ts';
import type { BlockPlan, BlockResult, BlockTile, CarriedRows, RowsNetwork, Sources } from './rows-network.ts';

/** Matches out-of-memory messages of CUDA, its libraries and the allocators of ONNX Runtime and Node.js. */
const OUT_OF_MEMORY =
  /out of memory|alloc(ate|ation)?[ _]?(failed|memory)|failed to allocate|bad_?alloc|available memory/i;

function isOutOfMemory(error: unknown): boolean {
  return error instanceof Error && OUT_OF_MEMORY.test(error.message);
}

/**
 * Predicts an image in blocks of tile rows. Each block is one run of one graph, which returns only labels, confidences
 * and the rows to which the next block adds. The height of a block depends on memory and time but does not change a
 * bit, because the terms of a pixel are added in the order of the tile rows. Each block is committed.
 */
export class DeviceRows implements ImagePass {
  readonly #roi: TiledRoi;
  readonly #network: RowsNetwork;
  readonly #partial: PartialRoi;
  readonly #beforeTile: BeforeTile;
  /** Tile rows for which the device has memory, according to this image so far. */
  #mostRows = Number.POSITIVE_INFINITY;

  constructor(roi: TiledRoi, network: RowsNetwork, partial: PartialRoi, beforeTile: BeforeTile) {
    this.#roi = roi;
    this.#network = network;
    this.#partial = partial;
    this.#beforeTile = beforeTile;
  }

  async run(): Promise<void> {
    const { grid } = this.#roi;
    for (let { row } = this.#partial.next; row < grid.rows.length; row = this.#partial.next.row) {
      this.#beforeTile({ row, fold: 0 }, passesBefore(this.#roi, row, this.#network.folds));
      const block = {
        first: row,
        end: Math.min(grid.rows.length, row + this.#network.rowsAtOnce(grid, this.#mostRows)),
      };
      const carried = this.#carriedTo(row);
      const result = await this.#runBlock(block, carried);
      // The device had too little memory: the same rows are tried again, fewer at once.
      if (result === undefined) continue;
      this.#write(block, result);
      if (result.carry !== undefined) this.#partial.writeFloats(carryFile(block.end - 1), result.carry);
      this.#partial.commit({ row: block.end, fold: 0 }, row > 0 ? [carryFile(row - 1)] : []);
    }
  }

  async #runBlock(block: RowBlock, carried: CarriedRows): Promise<BlockResult | undefined> {
    const rows = block.end - block.first;
    const plan = planBlock(this.#roi, block, carried.rows);
    if (plan.tiles.length === 0) return this.#withoutTiles(plan, carried);
    try {
      return await this.#network.run(this.#roi, plan, rows, carried);
    } catch (error) {
      if (rows === 1 || !isOutOfMemory(error)) throw error;
      this.#mostRows = Math.floor(rows / 2);
      return undefined;
    }
  }

  /** Handles a block without annotated pixels: predicts nothing and passes on the sums of the previous block. */
  #withoutTiles({ finished, unfinished }: BlockPlan, { rows, sums }: CarriedRows): BlockResult {
    const { width } = this.#roi.grid.padded;
    const [labels, confidences] = [new Uint8Array(finished * width), new Uint16Array(finished * width)];
    if (unfinished === 0) return { labels, confidences };
    const planes = this.#network.classes + 1;
    const carry = new Float32Array(planes * unfinished * width);
    const stride = Math.max(1, rows) * width;
    for (let plane = 0; plane < planes; plane++) {
      const [from, to] = [Math.min(finished, rows), Math.min(finished + unfinished, rows)];
      const left = sums.subarray(plane * stride + from * width, plane * stride + to * width);
      carry.set(left, plane * unfinished * width);
    }
    return { labels, confidences, carry };
  }

  /** Reads the rows carried over from the previous block: planes x rows x padded width. */
  #carriedTo(row: number): CarriedRows {
    const { grid } = this.#roi;
    const planes = this.#network.classes + 1;
    if (row === 0) return { rows: 0, sums: new Float32Array(planes * grid.padded.width) };
    const rows = startOfRow(grid, row - 1) + grid.patch.height - startOfRow(grid, row);
    const sums = new Float32Array(planes * Math.max(1, rows) * grid.padded.width);
    if (rows > 0) this.#partial.readFloats(carryFile(row - 1), 0, sums);
    return { rows, sums };
  }

  #write({ first, end }: RowBlock, { labels, confidences }: BlockResult): void {
    const { grid } = this.#roi;
    const top = startOfRow(grid, first);
    for (let row = first; row < end; row++) {
      writeDecidedRows(this.#roi, row, this.#partial, (y, rowLabels, rowConfidences) => {
        const from = (y - top) * grid.padded.width + grid.offset.x;
        rowLabels.set(labels.subarray(from, from + rowLabels.length));
        rowConfidences.set(confidences.subarray(from, from + rowConfidences.length));
        return !rowLabels.includes(NOT_A_NUMBER);
      });
    }
  }
}

/** Tile rows that one run of the graph predicts. */
interface RowBlock {
  /** Index of the first tile row. */
  readonly first: number;
  /** Index after the last. */
  readonly end: number;
}

/**
 * Plans the inputs of the graph for a block.
 *
 * @param carried - Rows carried over from the previous block, px; 0 for the first.
 * @throws RangeError if more tiles cover a pixel than the graph adds up.
 */
function planBlock(
  { grid, tiles: inScope }: Pick<TiledRoi, 'grid' | 'tiles'>,
  block: RowBlock,
  carried: number,
): BlockPlan {
  const { patch, padded, columns } = grid;
  const rows = grid.rows.slice(block.first, block.end);
  const top = startOfRow(grid, block.first);
  const height = startOfRow(grid, block.end - 1) + patch.height - top;
  const tiles: BlockTile[] = [];
  const order = new Int32Array(rows.length * columns.length);
  for (const [row, start] of rows.entries()) {
    const present = new Set(inScope[block.first + row]);
    for (const [column, left] of columns.entries()) {
      if (!present.has(left)) continue;
      order[row * columns.length + column] = tiles.length;
      tiles.push({ top: start, left });
    }
  }
  const finished = finishedRows(grid, block.end - 1).to - top;
  const starts = rows.map((start) => start - top);
  return {
    tiles,
    order,
    across: sources(columns, patch.width, padded.width, 0, 0),
    down: sources(starts, patch.height, height, carried, Math.max(1, carried)),
    finished,
    unfinished: height - finished,
  };
}

/**
 * Finds the sources of each position along an axis.
 *
 * @param starts - Where tiles start along the axis, px.
 * @param tile - Length of a tile, px.
 * @param carried - Number of positions at the start to which carried-over rows add, as their first source.
 * @param offset - Number of places before those of the tiles; 0 if the axis has no carried-over rows.
 */
function sources(starts: readonly number[], tile: number, length: number, carried: number, offset: number): Sources {
  const first = offset === 0 ? 0 : 1;
  const count = COVERING + first;
  const places = new Int32Array(count * length);
  const isThere = new Float32Array(count * length);
  for (let at = 0; at < Math.min(carried, length); at++) {
    places[at] = at;
    isThere[at] = 1;
  }
  const used = new Uint8Array(length);
  for (const [index, start] of starts.entries()) {
    for (let inTile = 0; inTile < tile; inTile++) {
      const at = start + inTile;
      const source = first + (used[at] ?? 0);
      if (source >= count)
        throw new RangeError(`Expected at most ${COVERING} tiles over a pixel, got more at ${at} px`);
      places[source * length + at] = offset + index * tile + inTile;
      isThere[source * length + at] = 1;
      used[at] = source - first + 1;
    }
  }
  return { places, isThere };
}

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

/** Counts the passes of the tile rows before `row`: tiles times folds. */
function passesBefore({ tiles }: Pick<TiledRoi, 'tiles'>, row: number, folds: number): number {
  return folds * tiles.slice(0, row).reduce((count, columns) => count + columns.length, 0);
}

/** Returns the name of the file with the sums over all folds that tile row `row` carries over to the next one. */
function carryFile(row: number): string {
  return `carry-${row}`;
}
