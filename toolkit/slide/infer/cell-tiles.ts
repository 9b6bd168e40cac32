import { type FileHandle, open } from 'node:fs/promises';
import { ReigniteError } from '../../errors.ts';
import { replaceFile } from '../../files/atomic-write.ts';
import type { Candidates } from '../../yolo/detect/candidates.ts';
import { readExactly } from '../read/tiff-pages.ts';
import { TissueCounts, type TissueMask } from '../slide-tissue.ts';

/** A tile of a slide in which cells are detected, px. */
export interface CellTile {
  /** Number of the tile, row by row. */
  readonly index: number;
  /** Its row of tiles. */
  readonly row: number;
  readonly left: number;
  readonly top: number;
  /** A cell belongs to the tile if its centre is in the core (ends excluded). Neighbouring cores overlap slightly. */
  readonly core: { readonly left: number; readonly top: number; readonly right: number; readonly bottom: number };
}

/** px by which neighbouring tiles overlap: 32 µm at 0.5 µm/px, wider than any cell. */
const OVERLAP = 64;
/** px by which neighbouring cores overlap, so that a cell at a seam is in at least one of them. */
const SHARED = 16;

/** Returns by how many px neighbouring tiles overlap: at most a quarter of the tile. */
function overlapOf(size: number): number {
  return Math.min(OVERLAP, Math.floor(size / 4));
}

/**
 * Lays overlapping tiles over a slide and returns those whose core touches tissue. A cell cut off in one tile is whole in
 * the next.
 *
 * @param size - Side of a tile, px.
 * @param tissue - Default: all tiles are returned.
 */
export function cellTiles(
  { width, height }: { readonly width: number; readonly height: number },
  size: number,
  tissue?: TissueMask,
): { readonly tiles: readonly CellTile[]; readonly total: number } {
  const overlap = overlapOf(size);
  const [columns, rows] = [starts(width, size, overlap), starts(height, size, overlap)];
  const counts = tissue === undefined ? undefined : new TissueCounts(tissue);
  const tiles: CellTile[] = [];
  for (const [row, top] of rows.entries()) {
    for (const [column, left] of columns.entries()) {
      const [x1, x2] = coreOf(columns, column, width, size, overlap);
      const [y1, y2] = coreOf(rows, row, height, size, overlap);
      if (counts?.touches(x1, y1, x2, y2) === false) continue;
      tiles.push({
        index: row * columns.length + column,
        row,
        left,
        top,
        core: { left: x1, top: y1, right: x2, bottom: y2 },
      });
    }
  }
  return { tiles, total: rows.length * columns.length };
}

/** Returns where tiles start along one axis. The last tile ends at the border. */
function starts(length: number, size: number, overlap: number): readonly number[] {
  if (length <= size) return [0];
  const count = Math.ceil((length - overlap) / (size - overlap));
  return Array.from({ length: count }, (_, k) => Math.min(k * (size - overlap), length - size));
}

/** Returns the core of a tile along one axis: from the middle of one overlap to the middle of the next, plus some slack. */
function coreOf(
  all: readonly number[],
  index: number,
  length: number,
  size: number,
  overlap: number,
): readonly [number, number] {
  const [before, start, after] = [all[index - 1], all[index] ?? 0, all[index + 1]];
  const slack = Math.min(SHARED, overlap / 2) / 2;
  const from = before === undefined ? 0 : (before + size + start) / 2 - slack;
  const to = after === undefined ? length : (start + size + after) / 2 + slack;
  return [from, to];
}

/** Header of a tile: its number and its count of candidates, uint32 each. */
const HEAD_BYTES = 8;
/** x1, y1, x2, y2, score, class as float32. */
const COLUMNS = 6;

/** The candidates of one tile, in px of the tile, in the order of the network's rows. */
export interface TileCandidates {
  /** Number of the tile. */
  readonly tile: number;
  readonly candidates: Candidates;
}

/**
 * Writes the candidates of tiles one after the other, without rounding, so that selecting cells from the file gives the
 * same result as from the output of the network.
 *
 * @throws ReigniteError NO_SPACE, NOT_WRITABLE.
 */
export async function writeSlideBoxes(path: string, tiles: AsyncIterable<TileCandidates>): Promise<void> {
  await replaceFile(path, async (temporary) => {
    const handle = await open(temporary, 'wx');
    try {
      for await (const { tile, candidates } of tiles) await handle.writeFile(encoded(tile, candidates));
      await handle.sync();
    } finally {
      await handle.close();
    }
  });
}

/** Reads what `writeSlideBoxes` wrote, tile by tile. @throws ReigniteError INTERNAL for a truncated file. */
export async function* readSlideBoxes(path: string): AsyncGenerator<TileCandidates> {
  const handle = await open(path);
  try {
    const { size } = await handle.stat();
    for (let at = 0; at < size; ) {
      const head = await wholeBytes(handle, at, HEAD_BYTES, path);
      const [tile, count] = [head.readUInt32LE(0), head.readUInt32LE(4)];
      const length = count * COLUMNS * Float32Array.BYTES_PER_ELEMENT;
      if (at + HEAD_BYTES + length > size) throw cutOff(path);
      const bytes = await wholeBytes(handle, at + HEAD_BYTES, length, path);
      yield { tile, candidates: decoded(bytes, count) };
      at += HEAD_BYTES + length;
    }
  } finally {
    await handle.close();
  }
}

function encoded(tile: number, { count, corners, scores, classes }: Candidates): Buffer {
  const bytes = Buffer.alloc(HEAD_BYTES + count * COLUMNS * Float32Array.BYTES_PER_ELEMENT);
  bytes.writeUInt32LE(tile, 0);
  bytes.writeUInt32LE(count, 4);
  let at = HEAD_BYTES;
  for (let index = 0; index < count; index++) {
    for (let column = 0; column < 4; column++) at = bytes.writeFloatLE(corners[4 * index + column] ?? 0, at);
    at = bytes.writeFloatLE(scores[index] ?? 0, at);
    at = bytes.writeFloatLE(classes[index] ?? 0, at);
  }
  return bytes;
}

function decoded(bytes: Buffer, count: number): Candidates {
  const candidates = {
    count,
    corners: new Float32Array(4 * count),
    scores: new Float32Array(count),
    classes: new Uint16Array(count),
  };
  const valueAt = (index: number, column: number) =>
    bytes.readFloatLE((index * COLUMNS + column) * Float32Array.BYTES_PER_ELEMENT);
  for (let index = 0; index < count; index++) {
    for (let column = 0; column < 4; column++) candidates.corners[4 * index + column] = valueAt(index, column);
    candidates.scores[index] = valueAt(index, 4);
    candidates.classes[index] = valueAt(index, 5);
  }
  return candidates;
}

async function wholeBytes(handle: FileHandle, offset: number, length: number, path: string): Promise<Buffer> {
  const bytes = await readExactly(handle, offset, length);
  if (bytes.length < length) throw cutOff(path);
  return bytes;
}

function cutOff(path: string): ReigniteError {
  return new ReigniteError('INTERNAL', `${path} is cut off: its last tile is incomplete.`);
}
