import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type InferenceSession, Tensor } from 'onnxruntime-node';
import { ReigniteError } from '../../errors.ts';
import { nvidiaMemory, usedGpu } from '../../onnx/provider/nvidia.ts';
import { type Engine, isRealGpu } from '../../onnx/session/engine-choice.ts';
import { instructionSet } from '../../onnx/session/environment.ts';
import { openSession, type SessionOptions } from '../../onnx/session/session.ts';
import { type ModelCard, type ModelMethod, methodOf, mirrorAxesOf } from '../model-card.ts';
import type { Size } from '../sliding-window/tile-grid.ts';

/** Axes along which an image is mirrored, 0 for rows and 1 for columns. */
export type Axes = readonly number[];

/**
 * Returns all combinations of axes to mirror, in the order in which nnU-Net v2 sums the predictions: none, each axis
 * alone, both.
 */
export function mirrorings(axes: Axes): readonly Axes[] {
  return [[], ...axes.map((axis) => [axis]), ...(axes.length > 1 ? [axes] : [])];
}

/**
 * Mirrors planes, such as a tile's channels.
 *
 * @param from - Planes x height x width.
 * @param to - Receives the mirrored planes in the same shape. Must not be `from`.
 */
function mirrorPlanes(
  from: Float32Array,
  to: Float32Array,
  { height, width }: { readonly height: number; readonly width: number },
  axes: Axes,
): void {
  const [flipRows, flipColumns] = [axes.includes(0), axes.includes(1)];
  const plane = height * width;
  for (let start = 0; start < from.length; start += plane) {
    for (let y = 0; y < height; y++) {
      const row = start + (flipRows ? height - 1 - y : y) * width;
      const target = to.subarray(start + y * width, start + (y + 1) * width);
      target.set(from.subarray(row, row + width));
      if (flipColumns) target.reverse();
    }
  }
}

/**
 * Adds the output of a mirrored tile, mirrored back, in float32.
 *
 * @param sum - height x width x classes float32.
 * @param output - Output of the mirrored tile, in the same shape.
 */
function addMirroredBack(
  sum: Float32Array,
  output: Float32Array,
  { height, width }: { readonly height: number; readonly width: number },
  axes: Axes,
): void {
  const [flipRows, flipColumns] = [axes.includes(0), axes.includes(1)];
  const classes = sum.length / (height * width);
  let to = 0;
  for (let y = 0; y < height; y++) {
    const row = (flipRows ? height - 1 - y : y) * width;
    for (let x = 0; x < width; x++) {
      let from = (row + (flipColumns ? width - 1 - x : x)) * classes;
      for (let c = 0; c < classes; c++, to++, from++) sum[to] = (sum[to] ?? 0) + (output[from] ?? 0);
    }
  }
}

/** On the CPU, all networks of an ensemble stay open if together they need at most this memory, bytes. */
const KEPT_BYTES = 640 * 2 ** 20;
/** The same limit for a GPU whose memory size is unknown. */
const KEPT_ON_UNKNOWN_GPU = 4 * 2 ** 30;
/** Share of a GPU's memory that networks may use. The rest is for workspaces and other programs. */
const SHARE_OF_GPU = 0.7;

/** Returns how much memory, in bytes, the networks may use together and all stay open on the device of the first one. */
function keptBytesOn(engine: Engine, device?: number): number {
  if (engine.provider === 'cpu' || !isRealGpu(engine)) return KEPT_BYTES;
  const memory = engine.provider === 'cuda' ? nvidiaMemory(usedGpu(device)) : undefined;
  return memory === undefined ? KEPT_ON_UNKNOWN_GPU : SHARE_OF_GPU * memory;
}

/** Counters of an ensemble since it was created. */
export interface NetworkCounts {
  /** Sessions of ONNX Runtime that were opened. */
  readonly opened: number;
  /** Bytes of network outputs; on a GPU, copied back from the device. */
  readonly outputBytes: number;
  /** Tiles per pass through the networks; missing if it is one. */
  readonly batch?: number;
}

/** The networks of an ensemble, one per fold, as the sliding window needs them. */
export interface FoldNetworks {
  /** Size of a tile, px. */
  readonly patch: Size;
  /** Outputs per pixel. */
  readonly classes: number;
  /** How inputs are normalised and how outputs become labels. */
  readonly method: ModelMethod;
  readonly folds: number;
  /** Missing if nothing is counted. */
  readonly counts?: NetworkCounts | undefined;
  /**
   * Predicts one tile with the network of one fold. The caller must not touch the arrays until the promise settles.
   *
   * @param input - channels x patch.height x patch.width float32, normalised.
   * @param output - Receives patch.height x patch.width x classes float32: softmax or logits.
   */
  run(fold: number, input: Float32Array, output: Float32Array): Promise<void>;
  /** Frees the memory of networks that are too large to stay open. */
  releaseLargeNetworks(): Promise<void>;
}

/**
 * A converted nnU-Net ensemble under ONNX Runtime.
 *
 * If all networks fit into memory together, they stay open, also between images. Otherwise only one is open at a time.
 * On the CPU, the paper's five networks need 3.6 GB together and one needs 0.6 GB; opening the next one takes less than
 * 0.1 s once it has been optimised. On a GPU, opening takes seconds, and the limit depends on the memory of the device.
 */
export class OrtFoldNetworks implements FoldNetworks {
  /** SHA-256 over everything that determines the outputs. */
  readonly digest: string;
  readonly patch: Size;
  readonly classes: number;
  readonly method: ModelMethod;
  readonly #card: ModelCard;
  readonly #files: readonly string[];
  readonly #options: SessionOptions;
  /** `laidOut` of `SessionOptions`. */
  readonly #laidOut: NonNullable<SessionOptions['laidOut']>;
  /** Memory of all networks, bytes. */
  readonly #bytes: number;
  /** Whether the device turned out to be too small for all of them. */
  #isTight = false;
  #opened = 0;
  #outputBytes = 0;
  readonly #sessions = new Map<number, InferenceSession>();
  /** ONNX Runtime does not accept shared memory, so each tile is copied in and out here: 1/200 of the time of a pass. */
  readonly #image: Float32Array;
  readonly #result: Float32Array;
  #engine: Engine | undefined;

  /**
   * @param folder - Folder of the converted model.
   * @param card - Its description.
   * @throws ReigniteError MODEL_UNREADABLE when one of its files is missing.
   */
  constructor(folder: string, card: ModelCard, options: SessionOptions) {
    this.#card = card;
    this.digest = card.digest;
    this.patch = { height: card.patch[0], width: card.patch[1] };
    this.classes = card.classes;
    this.method = methodOf(card);
    this.#files = card.folds.map(({ file }) => join(folder, file));
    this.#options = options;
    this.#image = new Float32Array(channelsOf(card) * card.patch[0] * card.patch[1]);
    this.#result = new Float32Array(card.patch[0] * card.patch[1] * card.classes);
    this.#bytes = totalBytes(folder, card);
    this.#laidOut = laidOutOf(folder, card);
  }

  get folds(): number {
    return this.#files.length;
  }

  get counts(): NetworkCounts {
    return { opened: this.#opened, outputBytes: this.#outputBytes };
  }

  /**
   * Returns what the networks run on. Opens the first network if none is open yet, because only then is it known.
   *
   * @throws ReigniteError PROVIDER_UNAVAILABLE, MODEL_UNREADABLE.
   */
  async engine(): Promise<Engine> {
    if (this.#engine === undefined) await this.#sessionOf(0);
    if (this.#engine === undefined)
      throw new ReigniteError('INTERNAL', 'No ONNX Runtime session reported its provider.');
    return this.#engine;
  }

  async run(fold: number, input: Float32Array, output: Float32Array): Promise<void> {
    const session = await this.#sessionOf(fold);
    this.#image.set(input);
    await this.#runSession(session, fold);
    output.set(this.#result);
    const [, ...mirrored] = mirrorings(mirrorAxesOf(this.#card));
    for (const axes of mirrored) {
      mirrorPlanes(input, this.#image, this.patch, axes);
      await this.#runSession(session, fold);
      addMirroredBack(output, this.#result, this.patch, axes);
    }
    if (mirrored.length === 0) return;
    const count = mirrored.length + 1;
    for (let at = 0; at < output.length; at++) output[at] = (output[at] ?? 0) / count;
  }

  /** Runs a network on `#image` and writes its output to `#result`. */
  async #runSession(session: InferenceSession, fold: number): Promise<void> {
    const { height, width } = this.patch;
    const image = new Tensor('float32', this.#image, [1, channelsOf(this.#card), height, width]);
    // Reuses the output buffer: a new one would be 18 MB of garbage per tile.
    const result = new Tensor('float32', this.#result, [1, height, width, this.classes]);
    try {
      await session.run({ [this.#card.input]: image }, { [this.#card.output]: result });
      this.#outputBytes += this.#result.byteLength;
    } catch (cause) {
      const message = `The network ${this.#files[fold]} failed on a tile: ${String(cause)}`;
      throw new ReigniteError('INFERENCE_FAILED', message, { cause });
    }
  }

  async releaseLargeNetworks(): Promise<void> {
    if (!this.#areAllKept()) await this.release();
  }

  /** Closes every session. */
  async release(): Promise<void> {
    const sessions = [...this.#sessions.values()];
    this.#sessions.clear();
    for (const session of sessions) await session.release();
  }

  async #sessionOf(fold: number): Promise<InferenceSession> {
    const present = this.#sessions.get(fold);
    if (present !== undefined) return present;
    const file = this.#files[fold];
    if (file === undefined) throw new RangeError(`Expected a fold below ${this.folds}, got ${fold}`);
    await this.releaseLargeNetworks();
    const session = await this.#open(file).catch(async (error: unknown) => {
      if (this.#sessions.size === 0) throw error;
      // The device has less memory than estimated. From now on, only one network is open at a time.
      this.#isTight = true;
      await this.release();
      return this.#open(file);
    });
    this.#sessions.set(fold, session);
    return session;
  }

  #areAllKept(): boolean {
    const { device } = this.#options;
    const { keptBytes = this.#engine === undefined ? KEPT_BYTES : keptBytesOn(this.#engine, device) } = this.#options;
    return !this.#isTight && this.#bytes <= keptBytes;
  }

  async #open(file: string): Promise<InferenceSession> {
    // The provider that `auto` chose for the first session is used for all: an ensemble must not mix providers.
    const provider = this.#engine?.provider ?? this.#options.provider ?? 'auto';
    const { session, ...opened } = await openSession(file, { ...this.#options, provider, laidOut: this.#laidOut });
    this.#opened += 1;
    this.#engine ??= { ...opened, instructionSet: instructionSet() };
    checkShapes(file, session, this.#card);
    return session;
  }
}

/** Size up to which a network is rewritten in memory whenever it is opened, bytes of its file. */
const SMALL_BYTES = 4 * 2 ** 20;

/**
 * Returns how the networks of an ensemble are opened on the CPU (`laidOut` of `SessionOptions`). They are rewritten if
 * they are opened one at a time, because together they are too large, and if their instance normalisation needs it.
 *
 * @param folder - Folder of the converted model.
 * @throws ReigniteError MODEL_UNREADABLE when one of its files is missing.
 */
export function laidOutOf(folder: string, card: ModelCard): NonNullable<SessionOptions['laidOut']> {
  if (totalBytes(folder, card) > KEPT_BYTES) return true;
  if (card.normSums !== 'rows') return false;
  return card.folds.every(({ file }) => statSync(join(folder, file)).size <= SMALL_BYTES) ? 'in memory' : true;
}

function totalBytes(folder: string, card: ModelCard): number {
  return card.folds.reduce((sum, { file }) => sum + bytesOf(join(folder, file), card), 0);
}

/** Estimates the memory of an open network in bytes: its weights twice, and its arena as a number of full-resolution planes. */
function bytesOf(file: string, { patch, classes, architecture }: ModelCard): number {
  if (!existsSync(file)) throw new ReigniteError('MODEL_UNREADABLE', `Model not found: ${file}.`);
  const channels = 8 * (architecture.features[0] ?? 0) + 3 * classes;
  return 2 * statSync(file).size + patch[0] * patch[1] * channels * Float32Array.BYTES_PER_ELEMENT;
}

/** Channels of the image that the networks take. */
function channelsOf(card: ModelCard): number {
  return methodOf(card).normalisation.length;
}

function checkShapes(file: string, session: InferenceSession, card: ModelCard): void {
  const [height, width] = card.patch;
  const input = shapeOf(session.inputMetadata, card.input);
  const output = shapeOf(session.outputMetadata, card.output);
  if (isShape(input, [1, channelsOf(card), height, width]) && isShape(output, [1, height, width, card.classes])) return;
  throw new ReigniteError(
    'MODEL_UNREADABLE',
    `The model ${file} maps ${card.input} [${input}] to ${card.output} [${output}]; its description says ${height} x ${width} px, ${card.classes} classes.`,
  );
}

function shapeOf(metadata: InferenceSession['inputMetadata'], name: string): readonly (number | string)[] {
  const value = metadata.find((each) => each.name === name);
  return value?.isTensor === true ? value.shape : [];
}

function isShape(shape: readonly (number | string)[], expected: readonly number[]): boolean {
  return shape.length === expected.length && shape.every((length, axis) => length === expected[axis]);
}
