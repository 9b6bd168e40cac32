import { type InferenceSession, Tensor } from 'onnxruntime-node';
import { ReigniteError } from '../../errors.ts';
import { nvidiaMemory, usedGpu } from '../../onnx/provider/nvidia.ts';
import type { Precision, Provider } from '../../onnx/session/engine-choice.ts';
import { openSession, type SessionOptions } from '../../onnx/session/session.ts';
import { type ModelCard, type ModelMethod, methodOf } from '../model-card.ts';
import type { NetworkCounts } from '../networks/ort-fold-networks.ts';
import type { Size, TileGrid } from '../sliding-window/tile-grid.ts';
import type { TiledRoi } from '../sliding-window/tiled-roi.ts';
import { COVERING, graphFile } from './rows-graph.ts';

export interface RowsNetworkOptions {
  readonly provider: Provider;
  readonly precision: Precision;
  /** Tiles per pass through the networks; 0 chooses by the memory of the device. */
  readonly batch: number;
  readonly session: SessionOptions;
  /** How long one run should take at most, s, because it cannot be stopped. Default 3. */
  readonly runSeconds?: number;
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

/** Result of a block of tile rows. */
export interface BlockResult {
  /** finished rows x padded width */
  readonly labels: Uint8Array;
  readonly confidences: Uint16Array;
  /** planes x unfinished rows x padded width; missing after the last tile row. */
  readonly carry?: Float32Array;
}

/** Rows carried over from the previous block. */
export interface CarriedRows {
  readonly rows: number;
  /** planes x rows x padded width, at least one row. */
  readonly sums: Float32Array;
}

const RUN_SECONDS = 3;
/** Memory that is assumed for a device that does not report it, bytes. */
const UNKNOWN_MEMORY = 8 * 2 ** 30;
/** Shares of the device's memory for the activations of a batch, and for the sums of a block. */
const [SHARE_OF_BATCH, SHARE_OF_BLOCK] = [0.15, 0.25];
const MOST_TILES = 6;
/** CUDA kernels count the elements of a tensor in 31 bits. Blocks of several tile rows stay below half of that. */
const MOST_ELEMENTS = 2 ** 30;
const MOST_ELEMENTS_OF_ROW = 2 ** 31 - 1;

/** The networks of all folds in one graph that turns tile rows into labels and confidences, see {@link rowsGraph}. */
export class RowsNetwork {
  readonly patch: Size;
  readonly classes: number;
  readonly method: ModelMethod;
  readonly folds: number;
  readonly batch: number;
  readonly #session: InferenceSession;
  readonly #memory: number;
  readonly #runSeconds: number;
  #outputBytes = 0;
  #secondsPerTile: number | undefined;

  private constructor(
    card: ModelCard,
    session: InferenceSession,
    { batch, memory, runSeconds }: { readonly batch: number; readonly memory: number; readonly runSeconds: number },
  ) {
    this.patch = { height: card.patch[0], width: card.patch[1] };
    this.classes = card.classes;
    this.method = methodOf(card);
    this.folds = card.folds.length;
    this.batch = batch;
    this.#session = session;
    this.#memory = memory;
    this.#runSeconds = runSeconds;
  }

  /**
   * Opens the graph in the folder of the model. Builds it first if it is missing or damaged.
   *
   * @throws ReigniteError MODEL_UNREADABLE, PROVIDER_UNAVAILABLE, ENGINE_UNSUPPORTED, NO_SPACE, NOT_WRITABLE.
   */
  static async open(folder: string, card: ModelCard, options: RowsNetworkOptions): Promise<RowsNetwork> {
    const { provider, precision, session: chosen, runSeconds = RUN_SECONDS } = options;
    const memory = (provider === 'cuda' ? nvidiaMemory(usedGpu(chosen.device)) : undefined) ?? UNKNOWN_MEMORY;
    const batch = options.batch > 0 ? options.batch : tilesAtOnce(card, provider, memory);
    const file = await graphFile(folder, card, { provider, precision, batch });
    const { session } = await openSession(file, { ...chosen, provider });
    return new RowsNetwork(card, session, { batch, memory, runSeconds });
  }

  get counts(): NetworkCounts {
    return { opened: 1, outputBytes: this.#outputBytes, batch: this.batch };
  }

  /**
   * Returns the number of tile rows for one run: as many as fit into memory and, judging by the previous run, a few
   * seconds.
   *
   * @param most - Rows for which the device has had memory so far.
   * @throws ReigniteError ENGINE_UNSUPPORTED if not even one row can be computed in one run.
   */
  rowsAtOnce(grid: TileGrid, most = Number.POSITIVE_INFINITY): number {
    const elements = (rows: number) => largestValue(grid, this.classes + 1, rows);
    if (elements(1) > MOST_ELEMENTS_OF_ROW) throw rowRefused(grid, elements(1));
    const fits = (rows: number) =>
      elements(rows) <= MOST_ELEMENTS && blockBytes(grid, this.classes, rows) <= SHARE_OF_BLOCK * this.#memory;
    const inTime =
      this.#secondsPerTile === undefined ? 1 : this.#runSeconds / (this.#secondsPerTile * grid.columns.length);
    let rows = 1;
    const highest = Math.min(inTime, most, grid.rows.length);
    while (rows + 1 <= highest && fits(rows + 1)) rows++;
    return rows;
  }

  /** @param plan - With at least one tile. */
  async run(roi: TiledRoi, plan: BlockPlan, rows: number, carried: CarriedRows): Promise<BlockResult> {
    const feeds = this.#feeds(roi, plan, rows, carried);
    const start = performance.now();
    const wanted = plan.unfinished > 0 ? ['labels', 'margins', 'carry'] : ['labels', 'margins'];
    const outputs = await this.#session.run(feeds, wanted).catch((cause: unknown) => {
      const message = `The networks failed on ${plan.tiles.length} tiles, ${this.batch} at once: ${String(cause)}`;
      const remedy =
        'If the GPU has too little memory, set `inference.batchSize` to 1, or use the exact engine (`predict --engine exact`).';
      throw new ReigniteError('INFERENCE_FAILED', message, { cause, remedy });
    });
    this.#secondsPerTile = (performance.now() - start) / 1000 / Math.max(1, plan.tiles.length);
    return this.#resultOf(outputs);
  }

  #feeds(roi: TiledRoi, plan: BlockPlan, rows: number, carried: CarriedRows): Record<string, Tensor> {
    const { patch, classes, batch } = this;
    const { columns, padded } = roi.grid;
    const { bytes, inside, batches, isWhole } = fillTiles(roi, plan.tiles, batch);
    const { tables, channels } = roi.values;
    const flat = new Float32Array(tables.length * 256);
    for (const [channel, table] of tables.entries()) flat.set(table, channel * 256);
    const lengths = (values: readonly number[]) =>
      new Tensor('int64', BigInt64Array.from(values, BigInt), [values.length]);
    const planes = classes + 1;
    const height = plan.finished + plan.unfinished;
    return {
      tiles: new Tensor('uint8', bytes, [batches, batch, patch.height, patch.width, channels]),
      inside: new Tensor('uint8', inside, isWhole ? [batches, 1, 1, 1] : [batches, batch, patch.height, patch.width]),
      tables: new Tensor('float32', flat, [tables.length, 256]),
      order: new Tensor('int32', plan.order, [plan.order.length]),
      grid: lengths([rows, columns.length, planes, patch.height, patch.width]),
      joined: lengths([planes, rows * patch.height, columns.length * patch.width]),
      across: new Tensor('int32', plan.across.places, [COVERING, padded.width]),
      isAcross: new Tensor('float32', plan.across.isThere, [COVERING, padded.width]),
      down: new Tensor('int32', plan.down.places, [COVERING + 1, height]),
      isDown: new Tensor('float32', plan.down.isThere, [COVERING + 1, height]),
      carried: new Tensor('float32', carried.sums, [planes, Math.max(1, carried.rows), padded.width]),
      finished: lengths([plan.finished]),
    };
  }

  #resultOf(outputs: InferenceSession.ReturnType): BlockResult {
    const [labels, confidences, carry] = [outputs['labels']?.data, outputs['margins']?.data, outputs['carry']?.data];
    if (!(labels instanceof Uint8Array) || !(confidences instanceof Uint16Array)) {
      throw new ReigniteError('INTERNAL', 'The graph of the fast engine gave no labels or no confidence.');
    }
    this.#outputBytes += labels.byteLength + confidences.byteLength;
    if (!(carry instanceof Float32Array)) return { labels, confidences };
    this.#outputBytes += carry.byteLength;
    return { labels, confidences, carry };
  }

  /** Does nothing, because one session serves all images. */
  async releaseLargeNetworks(): Promise<void> {}

  async close(): Promise<void> {
    await this.#session.release();
  }
}

/** Returns the elements of the largest tensor of a block: the outputs of its tiles, or its rows with those carried over. */
function largestValue({ patch, padded, columns }: TileGrid, planes: number, rows: number): number {
  const scores = rows * columns.length * patch.width;
  const sources = (rows + 1) * padded.width;
  return planes * patch.height * Math.max(scores, sources);
}

function rowRefused({ image }: TileGrid, elements: number): ReigniteError {
  return new ReigniteError(
    'ENGINE_UNSUPPORTED',
    `The image is ${image.width} px wide: one row of tiles has ${elements} values, and CUDA counts at most ${MOST_ELEMENTS_OF_ROW}.`,
    { remedy: 'Use `--set inference.engine=exact`, or `--engine exact` with `predict`.' },
  );
}

/** Estimates how many tiles' activations fit into a share of the memory. One on the CPU, where more gain nothing. */
function tilesAtOnce({ patch, classes, architecture }: ModelCard, provider: Provider, memory: number): number {
  if (provider === 'cpu') return 1;
  const channels = 8 * (architecture.features[0] ?? 0) + 3 * classes;
  const bytes = patch[0] * patch[1] * channels * Float32Array.BYTES_PER_ELEMENT;
  return Math.min(MOST_TILES, Math.max(1, Math.floor((SHARE_OF_BATCH * memory) / bytes)));
}

/**
 * Returns the bytes of a block's tiles, and which of their pixels count, see `rowsGraph`.
 *
 * @param batch - Tiles per pass through the networks. The last batch is filled up with black tiles.
 */
function fillTiles(
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
function blockBytes({ patch, padded, columns }: TileGrid, outputs: number, rows: number): number {
  const tiles = rows * columns.length * patch.height * patch.width;
  const band = (rows + 1) * patch.height * padded.width;
  return 3 * (tiles + band) * (outputs + 1) * Float32Array.BYTES_PER_ELEMENT;
}
