import { readSync } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { ReigniteError } from '../../errors.ts';
import { closeOnError } from '../../files/file-access.ts';
import { ByteReader, type ByteSource } from '../pickle/pickle-bytes.ts';
import { PickleContext, type SeenGlobal } from '../pickle/pickle-context.ts';
import { unpickle } from '../pickle/unpickle.ts';
import { isPickleObject, type PickleValue } from '../pickle/value.ts';
import { StorageTable } from '../tensors/rebuild-tensor.ts';
import { repeatsElements, spanOf, storageElementBytes, type TensorRef, toFloat32 } from '../tensors/tensor.ts';
import { isSafetensors, readSafetensors } from './safetensors-container.ts';
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

/**
 * Reads a file that contains one bare pickle, such as nnU-Net's `plans.pkl` and `model_best.model.pkl`.
 * Nothing in it is executed.
 *
 * @throws ReigniteError as `openCheckpoint`; CHECKPOINT_UNSUPPORTED for a file that contains tensors.
 * @example const plans = await readPickleFile('plans.pkl');
 */
export async function readPickleFile(path: string): Promise<PickleValue> {
  const checkpoint = await openCheckpoint(path);
  await checkpoint.close();
  if (checkpoint.format === 'pickle') return checkpoint.root;
  throw new ReigniteError(
    'CHECKPOINT_UNSUPPORTED',
    `${path} is a PyTorch checkpoint where a plain pickle is expected.`,
    { remedy: 'Put the .pkl file that nnU-Net wrote with these weights in its place.' },
  );
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

const MAGIC = 0x1950a86a20f9469cfc6cn;
const PROTOCOL = 1001;
const COUNT_BYTES = 8;

/**
 * Reads a file that starts with a pickle: a bare one, or the format that PyTorch wrote before 1.6. That is a sequence
 * of pickles (magic number, protocol, byte order, the object, the keys of the storages), followed by the number of
 * elements (int64) and their bytes for each key.
 *
 * @throws ReigniteError as `openCheckpoint`.
 */
function readStreamContainer(source: FileSource, context: PickleContext): CheckpointContents {
  const reader = new ByteReader(source, context);
  const first = unpickle(reader, context);
  if (first !== MAGIC) {
    if (reader.remaining > 0) throw context.corrupt(`${reader.remaining} bytes follow the pickle`);
    return { format: 'pickle', root: first, globals: context.globals, storages: new Map() };
  }
  const protocol = unpickle(reader, context);
  if (protocol !== PROTOCOL) throw context.unsupported(`its protocol is not ${PROTOCOL}`);
  checkByteOrder(unpickle(reader, context), context);
  const table = new StorageTable(context);
  const root = unpickle(reader, context, (id) => table.load(id));
  const keys = unpickle(reader, context);
  const storages = locateStorages(keysOf(keys, context), table, source, reader.position, context);
  return { format: 'stream', root, globals: context.globals, storages };
}

function checkByteOrder(system: PickleValue, context: PickleContext): void {
  const isLittle = isPickleObject(system) && system.kind === 'dict' ? system.entries.get('little_endian') : undefined;
  if (isLittle === false) throw context.unsupported('its numbers are big-endian');
  if (isLittle !== true) throw context.corrupt('it does not say the byte order of its numbers');
}

function keysOf(value: PickleValue, context: PickleContext): readonly string[] {
  const items = isPickleObject(value) && value.kind === 'list' ? value.items : [null];
  const keys = items.filter((item) => typeof item === 'string');
  if (keys.length !== items.length) throw context.corrupt('its storage keys are not a list of texts');
  return keys;
}

function locateStorages(
  keys: readonly string[],
  table: StorageTable,
  source: FileSource,
  start: number,
  context: PickleContext,
): ReadonlyMap<string, StoredBytes> {
  const located = new Map<string, StoredBytes>();
  let offset = start;
  for (const key of keys) {
    const storage = table.storages.get(key);
    if (storage === undefined || located.has(key)) throw context.corrupt(`storage ${key} is listed without reason`);
    const end = offset + COUNT_BYTES + storage.storedBytes;
    if (end > source.byteLength) throw context.corrupt(`the file ends within storage ${key}`);
    const count = Buffer.from(source.readSync(offset, COUNT_BYTES)).readBigInt64LE();
    if (count !== BigInt(storage.storedBytes / storageElementBytes(storage.dtype)))
      throw context.corrupt(`storage ${key} has ${count} elements, not as announced`);
    located.set(key, { offset: offset + COUNT_BYTES, byteLength: storage.storedBytes, crc32: undefined });
    offset = end;
  }
  if (located.size !== table.storages.size) throw context.corrupt('a storage is missing from its list of keys');
  if (offset !== source.byteLength)
    throw context.corrupt(`${source.byteLength - offset} bytes follow the last storage`);
  return located;
}

/** Maximum that Linux reads in one call. */
const MAX_READ_BYTES = 2 ** 30;

/** An open file, read by position. The caller must close it. */
export class FileSource implements ByteSource {
  readonly path: string;
  readonly byteLength: number;
  readonly #handle: FileHandle;

  private constructor(path: string, byteLength: number, handle: FileHandle) {
    this.path = path;
    this.byteLength = byteLength;
    this.#handle = handle;
  }

  /** @throws ReigniteError FILE_MISSING if the file does not exist or cannot be read. */
  static async open(path: string): Promise<FileSource> {
    try {
      // Before opening, because opening a pipe would wait for its writer.
      if (!(await stat(path)).isFile()) throw new ReigniteError('FILE_MISSING', `${path} is not a file.`);
      const opened = await open(path, 'r');
      return await closeOnError(opened, async (file) => new FileSource(path, (await file.stat()).size, file));
    } catch (error) {
      if (error instanceof ReigniteError) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      throw new ReigniteError('FILE_MISSING', `${path} cannot be opened: ${reason}.`, { cause: error });
    }
  }

  readSync(offset: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const count = readSync(this.#handle.fd, bytes, done, Math.min(length - done, MAX_READ_BYTES), offset + done);
      if (count === 0) throw this.#shrunk();
      done += count;
    }
    return bytes;
  }

  /** Reads bytes into a separate, aligned buffer. */
  async read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    if (offset + length > this.byteLength) throw this.#shrunk();
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const { bytesRead } = await this.#handle.read(
        bytes,
        done,
        Math.min(length - done, MAX_READ_BYTES),
        offset + done,
      );
      if (bytesRead === 0) throw this.#shrunk();
      done += bytesRead;
    }
    return bytes;
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  #shrunk(): ReigniteError {
    return new ReigniteError('CHECKPOINT_CORRUPT', `${this.path} is truncated.`);
  }
}

/** Where the bytes of a storage are in the file. */
export interface StoredBytes {
  readonly offset: number;
  readonly byteLength: number;
  /** CRC-32 of the bytes, if the container has one. */
  readonly crc32: number | undefined;
}

/** Content of a container: the pickled object, the names it imports, and the positions of the storages. */
export interface CheckpointContents {
  readonly format: 'zip' | 'stream' | 'pickle' | 'safetensors';
  readonly root: PickleValue;
  readonly globals: readonly SeenGlobal[];
  /** Every storage that the object refers to, by key. */
  readonly storages: ReadonlyMap<string, StoredBytes>;
}
