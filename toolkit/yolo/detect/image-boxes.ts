import { ReigniteError } from '../../errors.ts';
import { readNpy, writeNpy } from '../../numpy.ts';
import type { Candidates } from './candidates.ts';
import { type ImageTile, imageTiles, type View, viewTiles } from './image-views.ts';

/** Boxes with a lower detection score are not kept, unless the confidence threshold is lower. */
const KEPT_SCORE = 0.05;

/** tile, class, score, x1, y1, x2, y2. */
const COLUMNS = 7;

/** Returns the detection score above which boxes are kept. Any higher threshold can be applied without the network. */
export function keptScore(confidence: number): number {
  return Math.min(KEPT_SCORE, confidence);
}

/** The boxes of a detector in an image, before the confidence threshold is applied. */
export interface ImageBoxes {
  /** Digest of the converted detector. */
  readonly model: string;
  /** Size of the image in px. */
  readonly width: number;
  readonly height: number;
  /** Side of a tile in px. */
  readonly tile: number;
  /** How the network saw the image. Missing for tiles without overlap, as in the paper's scripts. */
  readonly view?: View;
  readonly classes: readonly string[];
  /** All boxes with a detection score above this are included. */
  readonly floor: number;
  /** All tiles, row by row. */
  readonly tiles: readonly TileBoxes[];
}

/** Boxes of one tile, in the order of the network's rows. */
export interface TileBoxes {
  readonly tile: ImageTile;
  readonly candidates: Candidates;
}

/**
 * Writes the boxes of an image: n x 7 float32 of tile, class, score, x1, y1, x2, y2, in px of the network's input. They are
 * not rounded, so selecting points from the file gives the same result as from the output of the network.
 */
export async function writeBoxes(path: string, tiles: readonly TileBoxes[]): Promise<void> {
  const count = tiles.reduce((sum, { candidates }) => sum + candidates.count, 0);
  const data = new Float32Array(count * COLUMNS);
  let at = 0;
  for (const { tile, candidates } of tiles) {
    for (let index = 0; index < candidates.count; index++, at += COLUMNS) {
      data.set([tile.index, candidates.classes[index] ?? 0, candidates.scores[index] ?? 0], at);
      data.set(candidates.corners.subarray(4 * index, 4 * index + 4), at + 3);
    }
  }
  await writeNpy(path, { dtype: 'float32', shape: [count, COLUMNS], data });
}

/**
 * Reads what `writeBoxes` wrote.
 *
 * @throws ReigniteError FILE_MISSING; NPY_INVALID if the file does not contain boxes of this image.
 */
export async function readBoxes(path: string, of: Omit<ImageBoxes, 'tiles'>): Promise<ImageBoxes> {
  const { dtype, shape, data } = await readNpy(path);
  const tiles = of.view === undefined ? imageTiles(of, of.tile) : viewTiles(of.view, of, of.tile);
  if (dtype !== 'float32' || shape.length !== 2 || shape[1] !== COLUMNS) throw notBoxes(path);
  const starts = new Array<number>(tiles.length + 1).fill(0);
  const rows = shape[0] ?? 0;
  let last = 0;
  for (let row = 0; row < rows; row++) {
    const tile = data[row * COLUMNS] ?? Number.NaN;
    if (!(Number.isInteger(tile) && tile >= last && tile < tiles.length)) throw notBoxes(path);
    starts[tile + 1] = row + 1;
    last = tile;
  }
  for (let tile = 1; tile < starts.length; tile++) starts[tile] = Math.max(starts[tile] ?? 0, starts[tile - 1] ?? 0);
  return {
    ...of,
    tiles: tiles.map((tile, k) => ({ tile, candidates: candidatesOf(data, starts[k] ?? 0, starts[k + 1] ?? 0) })),
  };
}

function candidatesOf(data: Float32Array, from: number, to: number): Candidates {
  const count = to - from;
  const corners = new Float32Array(4 * count);
  const scores = new Float32Array(count);
  const classes = new Uint16Array(count);
  for (let index = 0; index < count; index++) {
    const at = (from + index) * COLUMNS;
    classes[index] = data[at + 1] ?? 0;
    scores[index] = data[at + 2] ?? 0;
    corners.set(data.subarray(at + 3, at + COLUMNS), 4 * index);
  }
  return { count, corners, scores, classes };
}

function notBoxes(path: string): ReigniteError {
  return new ReigniteError('NPY_INVALID', `${path} does not hold the boxes of this image.`, {
    remedy: 'Run `npx reignite clean cache`, then the same command again: it detects the cells again.',
  });
}
