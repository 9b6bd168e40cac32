import { join } from 'node:path';
import { bestEffort, markHandled } from '../../concurrency.ts';
import { ReigniteError } from '../../errors.ts';
import { sweepTemporaries } from '../../files/atomic-write.ts';
import { makeFolder } from '../../files/folders.ts';
import { RGB } from '../../image/image-header.ts';
import { isAsWritten, readModel, recordDigest, writeModel } from '../../onnx/file/model-file.ts';
import { ANY_LENGTH, type ValueInfo } from '../../onnx/graph/graph.ts';
import { BOX_COLUMNS } from '../convert/modules/yolov5-head.ts';
import type { DetectorCard } from '../detector-card.ts';
import { areFinite, type Candidates, readCandidates } from './candidates.ts';
import type { PartialDetection } from './detection-files.ts';
import type { ImageTile } from './image-views.ts';

/** A detector that can run on tiles. */
export interface DetectorModel {
  /** SHA-256 over everything that determines the outputs. */
  readonly digest: string;
  /** Side of a tile in px. */
  readonly size: number;
  /** Height and width of the input in px, if it is not a square of `size` px. */
  readonly shape?: { readonly height: number; readonly width: number };
  /** Whether the network itself outputs one box per object. Default: no. */
  readonly isSuppressed?: boolean;
  /** Channels read from an image: 2 or 4 as the file stores them. Default: 3, RGB. */
  readonly channels?: number;
  /** Number of boxes that the head outputs for a tile. */
  readonly rows: number;
  /** Names of the classes, by number. */
  readonly classes: readonly string[];
  /** Tiles that run at once at most. Default: 1. */
  readonly batch?: number;
  /**
   * Runs the network on one tile, or on up to `batch` tiles at once.
   *
   * @param input - tiles x channels x size x size float32 in [0, 1]; its length says how many tiles.
   * @param heads - Receives tiles x rows x (5 + classes) float32: centre x, centre y, width, height in px, objectness,
   *   classes.
   * @throws ReigniteError INFERENCE_FAILED.
   */
  run(input: Float32Array, heads: Float32Array): Promise<void>;
}

/** How the tiles of an image or a slide are detected. */
export interface TileDetection<Tile> {
  readonly model: DetectorModel;
  /** Where the candidates of finished tiles are saved. */
  readonly partial: PartialDetection;
  /** Candidates with a detection score above this are kept. */
  readonly floor: number;
  /** Fills an input of the network with a tile: channels x height x width float32 in [0, 1]. */
  readonly fill: (tile: Tile, input: Float32Array) => void | Promise<void>;
  /** Checked before every batch. Batches in progress are finished, and finished tiles stay on disk. */
  readonly signal?: Pick<AbortSignal, 'throwIfAborted'> | undefined;
  /** Called before every batch. */
  readonly onBatch?: (soFar: TilesSoFar) => void;
}

/** Progress within a list of tiles. */
export interface TilesSoFar {
  /** Number of finished tiles, including those of earlier attempts. */
  readonly finished: number;
  /** Number of finished tiles that this attempt computed. */
  readonly computed: number;
  /** Time since this attempt started to compute the first of them, s. */
  readonly seconds: number;
}

/** A tile with its candidates, in px of the tile. */
export interface DetectedTile<Tile> {
  readonly tile: Tile;
  readonly candidates: Candidates;
  /** Whether an earlier attempt computed it. */
  readonly isResumed: boolean;
}

/**
 * Detects the candidates of tiles in order, in batches of `model.batch`, and saves them.
 *
 * Batches are made of the list, not of the tiles that are left to do, so that a resumed detection runs the same batches
 * and gets the same bits. While a batch of several tiles runs, the next one is filled and the previous one is decoded,
 * except with CUDA in the same process, where ONNX Runtime blocks the thread.
 *
 * @throws ReigniteError INFERENCE_FAILED, NO_SPACE, NOT_WRITABLE, or what `fill` throws; the signal's reason.
 */
export async function* detectTiles<Tile extends ImageTile>(
  tiles: readonly Tile[],
  of: TileDetection<Tile>,
): AsyncGenerator<DetectedTile<Tile>> {
  const clock = new TileClock();
  const runner = new BatchRunner(of);
  try {
    for (const batch of batchesOf(tiles, of.model.batch ?? 1)) {
      of.signal?.throwIfAborted();
      of.onBatch?.(clock.soFar());
      const saved = await savedTiles(batch, of.partial);
      clock.startIf(saved === undefined);
      const before = saved === undefined ? await runner.startNext(batch) : await runner.finishLast();
      yield* clock.counted(before);
      if (saved !== undefined) yield* clock.counted(saved);
    }
    yield* clock.counted(await runner.finishLast());
  } finally {
    await bestEffort(runner.finishLast(), 'the next attempt computes these tiles again');
  }
}

/** Number of tiles that a batch is padded to: few different numbers, because a GPU prepares itself for each of them. */
export function paddedTo(tiles: number, most: number): number {
  return Math.min(most, 2 ** Math.ceil(Math.log2(tiles)));
}

interface Batch<Tile> {
  readonly tiles: readonly Tile[];
  /** Number of tiles that run: those of the batch, and padding. */
  readonly length: number;
}

function batchesOf<Tile>(tiles: readonly Tile[], most: number): readonly Batch<Tile>[] {
  return Array.from({ length: Math.ceil(tiles.length / most) }, (_, index) => {
    const part = tiles.slice(index * most, (index + 1) * most);
    return { tiles: part, length: paddedTo(part.length, most) };
  });
}

/** Reads the candidates of a batch from disk. @returns Undefined if one of its tiles is missing. */
async function savedTiles<Tile extends ImageTile>(
  { tiles }: Batch<Tile>,
  partial: PartialDetection,
): Promise<readonly DetectedTile<Tile>[] | undefined> {
  const saved: DetectedTile<Tile>[] = [];
  for (const tile of tiles) {
    const candidates = await partial.read(tile.index);
    if (candidates === undefined) return undefined;
    saved.push({ tile, candidates, isResumed: true });
  }
  return saved;
}

/** Counts tiles and measures the time that they take. */
class TileClock {
  #finished = 0;
  #computed = 0;
  #start: number | undefined;

  startIf(isComputed: boolean): void {
    if (isComputed) this.#start ??= performance.now();
  }

  soFar(): TilesSoFar {
    const seconds = this.#start === undefined ? 0 : (performance.now() - this.#start) / 1000;
    return { finished: this.#finished, computed: this.#computed, seconds };
  }

  *counted<Tile>(tiles: readonly DetectedTile<Tile>[]): Generator<DetectedTile<Tile>> {
    for (const tile of tiles) {
      this.#finished++;
      if (!tile.isResumed) this.#computed++;
      yield tile;
    }
  }
}

/** Input and outputs of a batch. */
interface Buffers {
  readonly input: Float32Array;
  readonly heads: Float32Array;
}

/** A batch that the network works on. */
interface RunningBatch<Tile> extends Batch<Tile> {
  readonly buffers: Buffers;
  readonly heads: Float32Array;
  readonly ran: Promise<void>;
}

/** Runs batches one after the other, and decodes each while the next one runs. */
class BatchRunner<Tile extends ImageTile> {
  readonly #of: TileDetection<Tile>;
  readonly #tileLength: number;
  readonly #headLength: number;
  #idle: Buffers | undefined;
  #running: RunningBatch<Tile> | undefined;

  constructor(of: TileDetection<Tile>) {
    const { size, shape = { height: size, width: size }, channels = RGB, rows, classes } = of.model;
    this.#of = of;
    this.#tileLength = channels * shape.height * shape.width;
    this.#headLength = rows * (BOX_COLUMNS + classes.length);
  }

  /** Starts a batch once the network is free. @returns The tiles that are finished. */
  async startNext(batch: Batch<Tile>): Promise<readonly DetectedTile<Tile>[]> {
    const { length } = batch;
    const buffers = this.#idle ?? this.#buffersFor(length);
    this.#idle = undefined;
    const input = buffers.input.subarray(0, length * this.#tileLength);
    const heads = buffers.heads.subarray(0, length * this.#headLength);
    await this.#fill(batch, input);
    const before = this.#running;
    await before?.ran;
    const ran = this.#of.model.run(input, heads);
    markHandled(ran);
    this.#running = { ...batch, buffers, heads, ran };
    if (before !== undefined) return this.#finish(before);
    // A single tile is finished before the next one starts: on the CPU, both would share its cores.
    return length === 1 ? this.finishLast() : [];
  }

  /** Waits for the batch that runs. @returns Its tiles; none if no batch runs. */
  async finishLast(): Promise<readonly DetectedTile<Tile>[]> {
    const last = this.#running;
    this.#running = undefined;
    return last === undefined ? [] : this.#finish(last);
  }

  /** @param length - Of the batch; those that follow are not longer. */
  #buffersFor(length: number): Buffers {
    const [input, heads] = [length * this.#tileLength, length * this.#headLength];
    return { input: new Float32Array(input), heads: new Float32Array(heads) };
  }

  async #fill({ tiles }: Batch<Tile>, input: Float32Array): Promise<void> {
    for (const [place, tile] of tiles.entries()) {
      await this.#of.fill(tile, input.subarray(place * this.#tileLength, (place + 1) * this.#tileLength));
    }
    input.fill(0, tiles.length * this.#tileLength);
  }

  async #finish({ tiles, heads, buffers, ran }: RunningBatch<Tile>): Promise<readonly DetectedTile<Tile>[]> {
    await ran;
    const { model, partial, floor } = this.#of;
    const detected: DetectedTile<Tile>[] = [];
    for (const [place, tile] of tiles.entries()) {
      const head = heads.subarray(place * this.#headLength, (place + 1) * this.#headLength);
      const candidates = readCandidates(head, model.classes.length, floor);
      if (!areFinite(candidates)) {
        const where = `the tile at ${tile.left}, ${tile.top} px`;
        throw new ReigniteError('INFERENCE_FAILED', `The network gave boxes that are not finite for ${where}.`);
      }
      await partial.write(tile.index, candidates);
      detected.push({ tile, candidates, isResumed: false });
    }
    this.#idle = buffers;
    return detected;
  }
}

/** Subfolder of a converted detector for its graph of any number of tiles. */
const FOLDER = 'batches';

/**
 * Returns the file of a converted detector's graph for any number of tiles at once. It is written when it is first needed,
 * and again if it is damaged.
 *
 * The graph for one tile stays as it is: with a fixed shape, ONNX Runtime plans its memory before it runs, and on the CPU
 * more tiles at once gain nothing.
 *
 * @param folder - Folder of the converted detector.
 * @param card - Its description, with `anyBatch`.
 * @throws ReigniteError MODEL_UNREADABLE, NO_SPACE, NOT_READABLE, NOT_WRITABLE.
 */
export async function batchGraphFile(folder: string, { file, sha256 }: DetectorCard): Promise<string> {
  const parent = join(folder, FOLDER);
  const path = join(parent, `${sha256.slice(0, 16)}.onnx`);
  if (await isAsWritten(path)) return path;
  const graph = readModel(join(folder, file));
  await makeFolder(parent);
  await sweepTemporaries(parent);
  const { inputs, outputs } = graph;
  const batched = { ...graph, inputs: inputs.map(ofAnyTiles), outputs: outputs.map(ofAnyTiles) };
  const { sha256: written } = await writeModel(path, batched);
  await recordDigest(path, written);
  return path;
}

function ofAnyTiles({ shape: [, ...others], ...value }: ValueInfo): ValueInfo {
  return { ...value, shape: [ANY_LENGTH, ...others] };
}
