import { crc32 } from 'node:zlib';
import { ReigniteError } from '../../errors.ts';
import type { SeenGlobal } from '../pickle/global-verdict.ts';
import { PickleContext } from '../pickle/pickle-context.ts';
import type { PickleValue } from '../pickle/value.ts';
import { repeatsElements, spanOf, type TensorRef, toFloat32 } from '../tensors/tensor.ts';
import type { CheckpointContents, StoredBytes } from './file-source.ts';
import { FileSource } from './file-source.ts';
import { isSafetensors, readSafetensors } from './safetensors-container.ts';
import { readStreamContainer } from './stream-container.ts';
import { readZipContainer } from './zip-container.ts';

const ZIP_MAGIC = 0x04034b50;
const PIECE_BYTES = 4 * 2 ** 20;

/** An open checkpoint: its object as plain data, with tensors that are read one by one. The caller must close it. */
export interface Checkpoint {
  readonly path: string;
  readonly format: 'zip' | 'stream' | 'pickle' | 'safetensors';
  readonly root: PickleValue;
  /** Every name that the file imports, with its risk. */
  readonly globals: readonly SeenGlobal[];
  /**
   * Reads the elements of a tensor, contiguous and row-major; every element type is widened or rounded to float32.
   *
   * @throws ReigniteError CHECKPOINT_CORRUPT if the storage does not match its CRC-32.
   */
  readFloat32(tensor: TensorRef): Promise<Float32Array>;
  close(): Promise<void>;
}

/** How a checkpoint is opened. */
export interface OpenOptions {
  /**
   * Also opens a file that could run code in Python, to inspect it: dangerous names are only listed in `globals`.
   * @default false
   */
  readonly inspect?: boolean;
  /** Called when a name is imported. A loader would have run it by then, even if a later part of the file is damaged. */
  readonly onGlobal?: (seen: SeenGlobal) => void;
}

/**
 * Opens a file written by `torch.save`, in the zip or the older stream format, a bare pickle, or a safetensors file.
 * Nothing in it is executed.
 * The pickle is read immediately; storages are only checked for presence and size, and read on demand.
 *
 * @throws ReigniteError FILE_MISSING; CHECKPOINT_CORRUPT for a damaged file; CHECKPOINT_UNSUPPORTED for a file that
 *   exceeds a limit or uses an unsupported opcode or element type; CHECKPOINT_UNSAFE for a file that imports a name that
 *   could run code.
 * @example
 * const checkpoint = await openCheckpoint('best.pt');
 * for (const { name, shape } of listTensors(checkpoint.root)) console.log(name, shape);
 * @see [torch/serialization.py](https://github.com/pytorch/pytorch/blob/v2.5.0/torch/serialization.py) for both formats
 */
export async function openCheckpoint(path: string, options: OpenOptions = {}): Promise<Checkpoint> {
  const source = await FileSource.open(path);
  try {
    const context = new PickleContext(source.path, options.inspect ?? false, options.onGlobal);
    const contents = await readContainer(source, context);
    return new OpenedCheckpoint(source, contents);
  } catch (error) {
    await source.close();
    throw error;
  }
}

const HEAD_BYTES = 9;

async function readContainer(source: FileSource, context: PickleContext): Promise<CheckpointContents> {
  const head = Buffer.from(source.readSync(0, Math.min(HEAD_BYTES, source.byteLength)));
  if (head.length >= 4 && head.readUInt32LE() === ZIP_MAGIC) return readZipContainer(source, context);
  return isSafetensors(head) ? readSafetensors(source, context) : readStreamContainer(source, context);
}

class OpenedCheckpoint implements Checkpoint {
  readonly path: string;
  readonly format: CheckpointContents['format'];
  readonly root: PickleValue;
  readonly globals: readonly SeenGlobal[];
  readonly #source: FileSource;
  readonly #storages: ReadonlyMap<string, StoredBytes>;
  readonly #verified = new Set<string>();

  constructor(source: FileSource, contents: CheckpointContents) {
    this.path = source.path;
    this.format = contents.format;
    this.root = contents.root;
    this.globals = contents.globals;
    this.#source = source;
    this.#storages = contents.storages;
  }

  async readFloat32(tensor: TensorRef): Promise<Float32Array> {
    const { key, byteOffset } = tensor.storage;
    if (repeatsElements(tensor)) {
      const what = `the tensor of shape [${tensor.shape.join(', ')}] in storage ${key} repeats elements`;
      throw new ReigniteError('CHECKPOINT_UNSUPPORTED', `${this.path} cannot be read: ${what}.`);
    }
    const stored = this.#storages.get(key);
    if (stored === undefined) throw new ReigniteError('CHECKPOINT_CORRUPT', `${this.path} has no storage ${key}.`);
    const span = spanOf(tensor);
    await this.#verify(key, stored);
    const bytes = await this.#source.read(stored.offset + byteOffset + span.offset, span.byteLength);
    return toFloat32(tensor, bytes);
  }

  async close(): Promise<void> {
    await this.#source.close();
  }

  /** Verifies the CRC-32 of a storage once. Reads it in pieces, because it may be larger than the requested tensor. */
  async #verify(key: string, stored: StoredBytes): Promise<void> {
    if (stored.crc32 === undefined || this.#verified.has(key)) return;
    let sum = 0;
    for (let done = 0; done < stored.byteLength; done += PIECE_BYTES) {
      const length = Math.min(PIECE_BYTES, stored.byteLength - done);
      sum = crc32(await this.#source.read(stored.offset + done, length), sum);
    }
    if (sum !== stored.crc32) {
      throw new ReigniteError('CHECKPOINT_CORRUPT', `Storage ${key} of ${this.path} does not match its CRC-32.`);
    }
    this.#verified.add(key);
  }
}
