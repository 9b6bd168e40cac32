import { finishedRows, startOfRow, type TileGrid } from '../sliding-window/tile-grid.ts';
import type { TiledRoi } from '../sliding-window/tiled-roi.ts';
import { COVERING } from './rows-graph.ts';

/** Tile rows that one run of the graph predicts. */
export interface RowBlock {
  /** Index of the first tile row. */
  readonly first: number;
  /** Index after the last. */
  readonly end: number;
}

/** Sources that the graph adds up for each position along an axis. */
export interface Sources {
  /** count x length */
  readonly places: Int32Array;
  /** count x length: 1 where there is a source, else 0. */
  readonly isThere: Float32Array;
}

/** A tile of a block; px in the padded image. */
export interface BlockTile {
  readonly top: number;
  readonly left: number;
}

/** The inputs of the graph for a block of tile rows. */
export interface BlockPlan {
  /** The tiles that the networks see, row by row. */
  readonly tiles: readonly BlockTile[];
  /** Rows x columns of the grid: index in `tiles`; 0 for tiles that are not predicted, whose pixels are not used. */
  readonly order: Int32Array;
  readonly across: Sources;
  readonly down: Sources;
  /** Rows that are finished, px. */
  readonly finished: number;
  /** Rows that are carried over to the next block, px. */
  readonly unfinished: number;
}

/**
 * Plans the inputs of the graph for a block.
 *
 * @param carried - Rows carried over from the previous block, px; 0 for the first.
 * @throws RangeError if more tiles cover a pixel than the graph adds up.
 */
export function planBlock(
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
 * Returns the bytes of a block's tiles, and which of their pixels count, see `rowsGraph`.
 *
 * @param batch - Tiles per pass through the networks. The last batch is filled up with black tiles.
 */
export function fillTiles(
  { grid, pixels, values }: Pick<TiledRoi, 'grid' | 'pixels' | 'values'>,
  tiles: readonly BlockTile[],
  batch: number,
): { readonly bytes: Uint8Array; readonly inside: Uint8Array; readonly batches: number; readonly isWhole: boolean } {
  const { patch, image, offset } = grid;
  const { channels } = values;
  const batches = Math.ceil(tiles.length / batch);
  const ofImage = values.masked?.includes(false) === true ? 1 : 0;
  const plane = patch.height * patch.width;
  const bytes = new Uint8Array(batches * batch * plane * channels);
  const isWhole = values.inside === undefined && image.height >= patch.height && image.width >= patch.width;
  const inside = isWhole ? new Uint8Array(batches).fill(1) : new Uint8Array(batches * batch * plane);
  for (const [index, { top, left }] of tiles.entries()) {
    const from = Math.max(0, offset.x - left);
    const to = Math.min(patch.width, offset.x - left + image.width);
    for (let row = 0; row < patch.height; row++) {
      const y = top + row - offset.y;
      if (y < 0 || y >= image.height) continue;
      const source = y * image.width + left + from - offset.x;
      const target = index * plane + row * patch.width + from;
      bytes.set(pixels.subarray(channels * source, channels * (source + to - from)), channels * target);
      if (isWhole) continue;
      inside.fill(1, target, target + to - from);
      if (values.inside === undefined) continue;
      for (let at = 0; at < to - from; at++) inside[target + at] = ofImage + (values.inside[source + at] ?? 0);
    }
  }
  return { bytes, inside, batches, isWhole };
}

/** Estimates the device memory of a block in bytes: the outputs of its tiles three times, and its rows three times. */
export function blockBytes({ patch, padded, columns }: TileGrid, outputs: number, rows: number): number {
  const tiles = rows * columns.length * patch.height * patch.width;
  const band = (rows + 1) * patch.height * padded.width;
  return 3 * (tiles + band) * (outputs + 1) * Float32Array.BYTES_PER_ELEMENT;
}
