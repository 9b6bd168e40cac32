import { writeDecidedRows } from '../sliding-window/decided-rows.ts';
import type { PartialRoi } from '../sliding-window/partial-roi.ts';
import type { BeforeTile, ImagePass } from '../sliding-window/segment-roi.ts';
import { startOfRow } from '../sliding-window/tile-grid.ts';
import type { TiledRoi } from '../sliding-window/tiled-roi.ts';
import { NOT_A_NUMBER } from './decision-nodes.ts';
import { type BlockPlan, planBlock, type RowBlock } from './row-block.ts';
import { carryFile, passesBefore } from './rows-done.ts';
import type { BlockResult, CarriedRows, RowsNetwork } from './rows-network.ts';

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
