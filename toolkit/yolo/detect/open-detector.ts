import { join } from 'node:path';
import { type InferenceSession, Tensor } from 'onnxruntime-node';
import { ReigniteError } from '../../errors.ts';
import { type CustomModelCard, readOwnCard } from '../../onnx/custom-model/custom-model.ts';
import { channelsRead } from '../../onnx/custom-model/image-spec.ts';
import { describeModel } from '../../onnx/file/describe-model.ts';
import { nvidiaMemory, usedGpu } from '../../onnx/provider/nvidia.ts';
import type { Provider } from '../../onnx/session/engine-choice.ts';
import { instructionSet } from '../../onnx/session/environment.ts';
import { type OpenedSession, openSession, type SessionOptions } from '../../onnx/session/session.ts';
import { floatsOf, TileInput, tensorOf } from '../../onnx/session/tile-tensors.ts';
import { BOX_COLUMNS, type Size } from '../convert/modules/yolov5-head.ts';
import { type DetectorCard, type DetectorFormat, readDetectorCard } from '../detector-card.ts';
import { END2END_COLUMNS, placeRows } from './candidates.ts';
import type { DetectorEngine } from './cell-detector.ts';
import { batchGraphFile, type DetectorModel } from './detect-tiles.ts';

/** A detector with information on what it runs on. */
export interface EngineDetector extends DetectorModel {
  readonly shape: Size;
  readonly batch: number;
  readonly engine: DetectorEngine;
  release(): Promise<void>;
}

export interface DetectorOptions extends SessionOptions {
  /** Tiles that run at once on a GPU, if the model allows several; 0, the default, chooses by the memory of the GPU. */
  readonly batchSize?: number;
  /** Also runs several tiles at once on the CPU, where it gains nothing; for tests. */
  readonly isBatchedOnCpu?: boolean;
}

/**
 * Opens a model folder of the state directory: a converted detector, or a custom ONNX model.
 *
 * On a GPU, several tiles run at once: all converted detectors allow it, and custom models as `takesAnyBatch` says. If
 * the graph of a converted detector for several tiles cannot be written, tiles run one at a time on that GPU.
 *
 * @throws ReigniteError MODEL_UNREADABLE, PROVIDER_UNAVAILABLE.
 */
export async function openDetector(folder: string, options: DetectorOptions): Promise<EngineDetector> {
  const custom = await readOwnCard(folder);
  return custom === undefined ? openConverted(folder, options) : openCustom(folder, custom, options);
}

/** A network of boxes, as its description states it. */
interface BoxNetwork {
  readonly digest: string;
  readonly shape: Size;
  readonly channels: number;
  readonly input: string;
  readonly output: string;
  readonly format: DetectorFormat;
  /** Rows that it outputs for a tile, at most. */
  readonly rows: number;
  /** Whether other numbers of rows are accepted. */
  readonly rowsVary: boolean;
  readonly classes: readonly string[];
  /** Converts tiles, see `DetectorModel.run`, to its input. */
  readonly tensorOf: (tiles: Float32Array, count: number) => Tensor;
  /** Returns where it writes its output; undefined if ONNX Runtime allocates it. */
  readonly outputFor: (heads: Float32Array, count: number) => Tensor | undefined;
}

async function openConverted(folder: string, options: DetectorOptions): Promise<EngineDetector> {
  const card = await readDetectorCard(folder);
  const file = join(folder, card.file);
  const isBatched = card.anyBatch === true && options.batchSize !== 1;
  const missed: { why: string | undefined } = { why: undefined };
  const batchFile = async () => {
    missed.why = undefined;
    try {
      return await batchGraphFile(folder, card);
    } catch (error) {
      if (!(error instanceof ReigniteError)) throw error;
      missed.why = error.message;
      return file;
    }
  };
  const path = options.isBatchedOnCpu === true && isBatched ? await batchFile() : file;
  const opened = await openSession(path, { ...options, ...(isBatched && { gpuFile: batchFile }) });
  checkShapes(file, opened.session, card);
  const network = networkOfCard(card);
  if (missed.why === undefined) return new SessionDetector(network, opened, card.anyBatch === true, options);
  const fallback = `Tiles run one at a time, because the graph for several cannot be used: ${missed.why}`;
  const single = { ...opened, fallbacks: [...opened.fallbacks, fallback] };
  return new SessionDetector(network, single, true, { ...options, batchSize: 1 });
}

function networkOfCard(card: DetectorCard): BoxNetwork {
  const { digest, format, rows, classes, input, output } = card;
  const { height, width } = shapeOfCard(card);
  let own = new Float32Array();
  return {
    ...{ digest, shape: { height, width }, channels: 3, input, output, format, rows, rowsVary: false, classes },
    tensorOf: (tiles, count) => new Tensor('float32', tiles, [count, 3, height, width]),
    outputFor(heads, count) {
      const shape = [count, ...outputShape(card)];
      // YOLOv5's layout is the one that callers expect, so the network writes into their buffer directly.
      if (format === 'yolov5') return new Tensor('float32', heads, shape);
      const length = shape.reduce((product, axis) => product * axis, 1);
      if (own.length !== length) own = new Float32Array(length);
      return new Tensor('float32', own, shape);
    },
  };
}

async function openCustom(folder: string, card: CustomModelCard, options: DetectorOptions): Promise<EngineDetector> {
  const { sidecar } = card;
  if (sidecar.kind !== 'detection') {
    throw new ReigniteError(
      'SIDECAR_INVALID',
      `The model in ${folder} is a segmentation model; this task needs a detector.`,
    );
  }
  const [height, width] = card.size;
  const tile = new TileInput(card.image, card.size);
  const network: BoxNetwork = {
    digest: card.digest,
    shape: { height, width },
    channels: channelsRead(card.image.channels),
    input: card.input,
    output: card.output,
    format: sidecar.output.format,
    rows: card.count,
    rowsVary: card.rowsVary === true,
    classes: sidecar.labels,
    tensorOf: (tiles, count) => customTensor(tile, card.image.elementType, tiles, count),
    outputFor: () => undefined,
  };
  const path = join(folder, card.file);
  const opened = await openSession(path, options);
  const mayBatch = opened.provider !== 'cpu' || options.isBatchedOnCpu === true;
  return new SessionDetector(network, opened, mayBatch && takesAnyBatch(opened.session, path, network), options);
}

function customTensor(
  tile: TileInput,
  elementType: CustomModelCard['image']['elementType'],
  tiles: Float32Array,
  count: number,
): Tensor {
  if (count === 1) return tile.tensor(tiles);
  const length = tiles.length / count;
  const values = new Float32Array(count * tile.data.length);
  for (let place = 0; place < count; place++) {
    values.set(tile.fill(tiles.subarray(place * length, (place + 1) * length)), place * tile.data.length);
  }
  return tensorOf(elementType, values, [count, ...tile.shape.slice(1)]);
}

/**
 * Returns whether a custom model may run on several tiles at once: it fixes the number of images neither in its input nor
 * in its output, and computes the rows of each image from that image alone.
 *
 * Non-maximum suppression that Ultralytics exports is a loop over the images of the export, so boxes of further images
 * are missing, although the axes are dynamic. Dynamic quantisation computes one scale for all images.
 *
 * @see https://github.com/ultralytics/ultralytics/blob/main/ultralytics/engine/exporter.py (`NMSModel`)
 */
function takesAnyBatch(session: InferenceSession, path: string, { input, output, format }: BoxNetwork): boolean {
  const [given] = shapeOf(session.inputMetadata, input);
  const [gives] = shapeOf(session.outputMetadata, output);
  if (isFixed(given) || isFixed(gives) || format === 'end2end') return false;
  const { operators } = describeModel(path);
  return !Object.keys(operators).some((operator) => MIXES_IMAGES.test(operator));
}

/** Operators whose outputs for an image depend on the other images, such as `DynamicQuantizeLinear`. */
const MIXES_IMAGES = /(?:^|\.)(?:DynamicQuantize|NonMaxSuppression)/;

/** Returns whether an axis has a fixed length. ONNX Runtime gives others a name, or -1. */
function isFixed(length: number | string | undefined): boolean {
  return typeof length === 'number' && length > 0;
}

const TOO_LITTLE_MEMORY =
  'If the GPU has too little memory, set `inference.batchSize` to 1 in the configuration of a run; for `predict`, end ' +
  'other programs that use the GPU, or use `--provider cpu`.';
const ONE_IMAGE = 'If an ONNX file from elsewhere takes one image only, export it without dynamic axes.';

/** A detector in an ONNX Runtime session. */
class SessionDetector implements EngineDetector {
  readonly digest: string;
  readonly size: number;
  readonly shape: Size;
  readonly rows: number;
  readonly classes: readonly string[];
  readonly channels: number;
  readonly isSuppressed: boolean;
  readonly batch: number;
  readonly engine: DetectorEngine;
  readonly #network: BoxNetwork;
  readonly #session: InferenceSession;

  constructor(
    network: BoxNetwork,
    { session, ...opened }: OpenedSession,
    takesBatches: boolean,
    options: DetectorOptions,
  ) {
    const { digest, shape, rows, classes, channels, format } = network;
    const { batch, ...configured } = batchOn(opened.provider, takesBatches, shape, options);
    this.digest = digest;
    this.size = Math.max(shape.height, shape.width);
    this.shape = shape;
    this.rows = rows;
    this.classes = classes;
    this.channels = channels;
    this.isSuppressed = format === 'end2end';
    this.batch = batch;
    this.engine = { ...opened, instructionSet: instructionSet(), ...configured };
    this.#network = network;
    this.#session = session;
  }

  async run(tiles: Float32Array, heads: Float32Array): Promise<void> {
    const { channels, shape, output } = this.#network;
    const count = tiles.length / (channels * shape.height * shape.width);
    let found: Tensor | undefined;
    try {
      found = await this.#outputFor(tiles, heads, count);
    } catch (cause) {
      throw this.#failure(cause, count, `${TOO_LITTLE_MEMORY} ${ONE_IMAGE}`);
    }
    try {
      if (found?.data !== heads) this.#place(floatsOf(found, output), found?.dims ?? [], heads, count);
    } catch (cause) {
      throw this.#failure(cause, count, ONE_IMAGE);
    }
  }

  #failure(cause: unknown, count: number, remedyOfSeveral: string): ReigniteError {
    const what = count === 1 ? 'a tile' : `${count} tiles at once`;
    const message = `The network ${this.#network.digest} failed on ${what}: ${String(cause)}`;
    return new ReigniteError('INFERENCE_FAILED', message, { cause, ...(count > 1 && { remedy: remedyOfSeveral }) });
  }

  /** Runs the network. @returns Its output, which is written to `heads` directly if their layout is the same. */
  async #outputFor(tiles: Float32Array, heads: Float32Array, count: number): Promise<Tensor | undefined> {
    const { input, output, tensorOf, outputFor } = this.#network;
    const into = outputFor(heads, count);
    const feeds = { [input]: tensorOf(tiles, count) };
    const results = await this.#session.run(feeds, into === undefined ? [output] : { [output]: into });
    return into ?? results[output];
  }

  /** Copies the rows of an output to the layout of YOLOv5. */
  #place(data: Float32Array, dims: readonly number[], heads: Float32Array, count: number): void {
    const { format, classes } = this.#network;
    const rows = this.#rowsOf(data.length, dims, count);
    const [from, to] = [data.length / count, heads.length / count];
    if (rows < this.rows) heads.fill(0);
    for (let place = 0; place < count; place++) {
      const head = heads.subarray(place * to, (place + 1) * to);
      placeRows(data.subarray(place * from, (place + 1) * from), format, rows, classes.length, head);
    }
  }

  /** @throws RangeError for an output of another shape than the description states. */
  #rowsOf(length: number, dims: readonly number[], count: number): number {
    const { format, rowsVary, classes } = this.#network;
    const columns = format === 'end2end' ? END2END_COLUMNS : classes.length + (format === 'yolov5' ? BOX_COLUMNS : 4);
    const rows = length / count / columns;
    const fits = rowsVary ? rows <= this.rows && Number.isInteger(rows) : rows === this.rows;
    if (fits && dims[0] === count && dims[format === 'yolov8' ? 1 : 2] === columns) return rows;
    throw new RangeError(`Expected ${count} x ${this.rows} x ${columns} numbers, got [${dims}]`);
  }

  async release(): Promise<void> {
    await this.#session.release();
  }
}

/** With more tiles at once, few images have several batches, and nothing is left to do while the network runs. */
const MOST_TILES = 8;
/** float32 channels of the size of the input that the largest networks keep in memory for a tile, generously. */
const CHANNELS_IN_MEMORY = 256;
/** Share of a GPU's memory for a batch. The rest is for weights, workspaces and other programs. */
const SHARE_OF_MEMORY = 0.15;
/** Memory that is assumed for a GPU that does not report it, bytes. */
const UNKNOWN_MEMORY = 8 * 2 ** 30;

/**
 * Decides how many tiles run at once.
 *
 * @param takesBatches - Whether the network takes any number of tiles.
 * @returns The number, and what the cache key names: nothing on the CPU, whose results do not depend on it.
 */
export function batchOn(
  provider: Provider,
  takesBatches: boolean,
  shape: Size,
  { batchSize = 0, isBatchedOnCpu = false, device }: DetectorOptions = {},
): { readonly batch: number; readonly batchSize?: number } {
  const isOnGpu = provider !== 'cpu';
  if (!takesBatches || !(isOnGpu || isBatchedOnCpu)) return { batch: 1 };
  const batch = batchSize === 0 ? tilesAtOnce(shape, provider, device) : batchSize;
  return { batch, ...(isOnGpu && { batchSize }) };
}

/** Returns how many tiles fit into the memory of the device at once. */
function tilesAtOnce({ height, width }: Size, provider: Provider, device?: number): number {
  const memory = (provider === 'cuda' ? nvidiaMemory(usedGpu(device)) : undefined) ?? UNKNOWN_MEMORY;
  const bytes = height * width * CHANNELS_IN_MEMORY * Float32Array.BYTES_PER_ELEMENT;
  return Math.min(MOST_TILES, Math.max(1, Math.floor((SHARE_OF_MEMORY * memory) / bytes)));
}

function checkShapes(file: string, session: InferenceSession, card: DetectorCard): void {
  const { input, output } = card;
  const { height, width } = shapeOfCard(card);
  const given = shapeOf(session.inputMetadata, input);
  const gives = shapeOf(session.outputMetadata, output);
  if (isShape(given, [3, height, width]) && isShape(gives, outputShape(card))) return;
  throw new ReigniteError(
    'MODEL_UNREADABLE',
    `The model ${file} maps ${input} [${given}] to ${output} [${gives}]; its description says ${height} x ${width} px, ${card.rows} rows, ${card.nc} classes.`,
  );
}

function shapeOfCard({ size, shape: [height, width] = [size, size] }: DetectorCard): Size {
  return { height, width };
}

/** Returns the lengths of an output's axes for one tile. */
function outputShape({ format, rows, nc }: DetectorCard): number[] {
  if (format === 'end2end') return [rows, END2END_COLUMNS];
  return format === 'yolov5' ? [rows, BOX_COLUMNS + nc] : [4 + nc, rows];
}

function shapeOf(metadata: InferenceSession['inputMetadata'], name: string): readonly (number | string)[] {
  const value = metadata.find((each) => each.name === name);
  return value?.isTensor === true ? value.shape : [];
}

/** Compares a shape after its first axis, the number of tiles: one, or any. */
function isShape([tiles, ...others]: readonly (number | string)[], expected: readonly number[]): boolean {
  const isNumberOfTiles = tiles !== undefined && (tiles === 1 || !isFixed(tiles));
  return isNumberOfTiles && others.length === expected.length && others.every((axis, at) => axis === expected[at]);
}
