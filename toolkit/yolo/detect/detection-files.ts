import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { ReigniteError } from '../../errors.ts';
import { readNpy, writeNpy } from '../../numpy.ts';
import type { Candidates } from './candidates.ts';
import { type ImageTile, imageTiles, type View, viewTiles } from './image-views.ts';

const Pixels = z.int().min(1);

/**
 * Outcome of a candidate: `point`, or why it is not one. `confidence`: its detection score does not exceed the confidence
 * threshold. `suppressed`: a better one suppressed it. `box`: its centre is outside the annotated box. `limit`: a limit on
 * the number of candidates was reached. Only in `predict`, `outside`: its centre is outside the image, in the padding of a
 * tile; `seam`: the tile that decides about its position detected nothing there.
 */
const Outcome = z.enum(['point', 'confidence', 'suppressed', 'box', 'limit', 'outside', 'seam']);

/** One candidate, in px of the image. */
export const Candidate = z.strictObject({
  tile: z.int().min(0).describe('Number of the tile, row by row'),
  class: z.int().min(0).describe('Place in `classes`'),
  score: z.number().min(0).max(1).describe('6 decimals'),
  x1: z.number().describe('2 decimals, as the other corners'),
  y1: z.number(),
  x2: z.number(),
  y2: z.number(),
  outcome: Outcome.describe('Its NMS outcome'),
  suppressedBy: z.int().min(0).exactOptional().describe('Place in `candidates` of the one that suppressed it, from 0'),
});
export type Candidate = z.infer<typeof Candidate>;

/** Candidates of a detector in an image, which explain why a point was or was not detected. */
export const CandidatesFile = z.object({
  schema: z.literal(2),
  model: z.string().describe('Digest of the converted detector'),
  width: Pixels,
  height: Pixels,
  tile: Pixels.describe('Side of a tile in px'),
  seenAt: z
    .object({ width: Pixels, height: Pixels })
    .exactOptional()
    .describe(
      'Size in px at which the network saw a resampled image; `tile` is in these px, all else in those of the image',
    ),
  overlap: z.int().min(0).exactOptional().describe('px by which tiles overlap; missing if they do not overlap'),
  letterbox: z
    .object({ width: Pixels, height: Pixels })
    .exactOptional()
    .describe('Size in px of the input into which the whole image was scaled and padded'),
  suppression: z.enum(['by-class', 'none']).exactOptional().describe('Missing where all classes suppress each other'),
  classes: z.array(z.string()),
  confidence: z.number(),
  iou: z.number(),
  recorded: z.number().describe('Candidates of a score above it are listed'),
  box: z.tuple([z.number(), z.number(), z.number(), z.number()]).nullable().describe('x1, y1, x2, y2 in px'),
  candidates: z
    .array(Candidate)
    .describe('Tile by tile, by score descending; the points among them are the rows of the .npy, in order'),
});
export type CandidatesFile = z.infer<typeof CandidatesFile>;

/** Encodes the file as compact JSON with one candidate per line. */
export function encodeCandidates({ candidates, ...head }: CandidatesFile): string {
  const rows = candidates.map((row) => JSON.stringify(row)).join(',\n');
  return `${JSON.stringify(head).slice(0, -1)},"candidates":[\n${rows}\n]}\n`;
}

/**
 * Reads the candidates of an image.
 *
 * @throws ReigniteError FILE_MISSING if the file cannot be read or is not a file of candidates.
 */
export async function readCandidatesFile(path: string): Promise<CandidatesFile> {
  try {
    return CandidatesFile.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (cause) {
    throw new ReigniteError('FILE_MISSING', `${path} is not a file of candidates.`, {
      cause,
      remedy: 'Run the same `predict` again to write it; for a run, `npx reignite clean cache`, then the run.',
    });
  }
}

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
