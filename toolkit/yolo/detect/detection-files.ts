import { createHash } from 'node:crypto';
import { readdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { z } from 'zod';
import { ReigniteError } from '../../errors.ts';
import { replaceFile } from '../../files/atomic-write.ts';
import { makeFolder } from '../../files/folders.ts';
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

/** Everything that the candidates of a tile depend on. With another identity, detection starts over. */
export type DetectionIdentity = Readonly<Record<string, string>>;

const TILE = /^tile-\d+\.bin$/;
const IDENTITY_BYTES = 32;
const HEADER_BYTES = IDENTITY_BYTES + 8;
/** Four corner coordinates, the score and the class as float32. */
const CANDIDATE_BYTES = 24;
/** Files that may be deleted from the folder: only those that reignite wrote. */
const OURS = /^(tile-\d+\.bin|\.tile-\d+\.bin\..*\.tmp)$/;

/** Counts the finished tiles of a partial result. */
export async function tilesReached(folder: string): Promise<number> {
  return (await finishedTiles(folder)).length;
}

/** Lists the files of finished tiles. Each is complete and never changes. */
export async function finishedTiles(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder).catch(() => []);
  return names.filter((name) => TILE.test(name));
}

/**
 * Partial result of a detection on disk, one file per finished tile, from which an interrupted job resumes with
 * bit-identical results.
 *
 * Each file starts with the SHA-256 of the identity, the CRC-32 of the content after the header and the number of
 * candidates, and is written atomically. A file with another identity or checksum is ignored. Files are not synced; after
 * a power cut, the checksums reveal damage.
 */
export class PartialDetection {
  readonly #folder: string;
  readonly #identity: Buffer;

  private constructor(folder: string, identity: Buffer) {
    this.#folder = folder;
    this.#identity = identity;
  }

  static async open(folder: string, identity: DetectionIdentity): Promise<PartialDetection> {
    await makeFolder(folder);
    const sorted = Object.entries(identity).sort(([a], [b]) => (a < b ? -1 : 1));
    return new PartialDetection(folder, createHash('sha256').update(JSON.stringify(sorted)).digest());
  }

  /** Reads the candidates of a tile; undefined unless an attempt with the same identity finished it. */
  async read(tile: number): Promise<Candidates | undefined> {
    try {
      return this.#decode(await readFile(this.#pathOf(tile)));
    } catch {
      return undefined;
    }
  }

  async write(tile: number, candidates: Candidates): Promise<void> {
    const bytes = this.#encode(candidates);
    await replaceFile(this.#pathOf(tile), (temporary) => writeFile(temporary, bytes));
  }

  /** Deletes the files that reignite wrote, and the folder if it contains nothing else. */
  async remove(): Promise<void> {
    const names = await readdir(this.#folder);
    const ours = names.filter((name) => OURS.test(name));
    for (const name of ours) await rm(join(this.#folder, name), { force: true });
    if (ours.length === names.length) await rmdir(this.#folder);
  }

  #pathOf(tile: number): string {
    return join(this.#folder, `tile-${tile}.bin`);
  }

  #encode({ count, corners, scores, classes }: Candidates): Buffer {
    const bytes = Buffer.alloc(HEADER_BYTES + count * CANDIDATE_BYTES);
    for (let index = 0; index < count; index++) {
      const values = [...corners.subarray(4 * index, 4 * index + 4), scores[index] ?? 0, classes[index] ?? 0];
      const at = HEADER_BYTES + index * CANDIDATE_BYTES;
      for (const [column, value] of values.entries()) bytes.writeFloatLE(value, at + 4 * column);
    }
    this.#identity.copy(bytes);
    bytes.writeUInt32LE(crc32(bytes.subarray(HEADER_BYTES)), IDENTITY_BYTES);
    bytes.writeUInt32LE(count, IDENTITY_BYTES + 4);
    return bytes;
  }

  #decode(bytes: Buffer): Candidates | undefined {
    if (bytes.length < HEADER_BYTES || !bytes.subarray(0, IDENTITY_BYTES).equals(this.#identity)) return undefined;
    const count = bytes.readUInt32LE(IDENTITY_BYTES + 4);
    if (bytes.length !== HEADER_BYTES + count * CANDIDATE_BYTES) return undefined;
    if (crc32(bytes.subarray(HEADER_BYTES)) !== bytes.readUInt32LE(IDENTITY_BYTES)) return undefined;
    const floatAt = (index: number, column: number) =>
      bytes.readFloatLE(HEADER_BYTES + index * CANDIDATE_BYTES + 4 * column);
    return {
      count,
      corners: Float32Array.from({ length: 4 * count }, (_, at) => floatAt(Math.floor(at / 4), at % 4)),
      scores: Float32Array.from({ length: count }, (_, index) => floatAt(index, 4)),
      classes: Uint16Array.from({ length: count }, (_, index) => floatAt(index, 5)),
    };
  }
}
