import { crc32 } from 'node:zlib';
import { type Entry, fromRandomAccessReaderPromise, RandomAccessReader, type ZipFile } from 'yauzl';
import { markHandled } from '../../concurrency.ts';
import { ReigniteError } from '../../errors.ts';
import { ByteReader, bytesSource } from '../pickle/pickle-bytes.ts';
import { LIMITS, type PickleContext } from '../pickle/pickle-context.ts';
import { unpickle } from '../pickle/unpickle.ts';
import { StorageTable } from '../tensors/rebuild-tensor.ts';
import type { CheckpointContents, FileSource, StoredBytes } from './checkpoint.ts';

/** Newest version of the format that PyTorch knows and writes with uncompressed entries. */
const NEWEST_VERSION = 10;
const MAX_NOTE_LENGTH = 64;

/**
 * Reads the format that PyTorch has written since 1.6: a zip with one root folder of any name that contains `data.pkl`,
 * a file `data/<key>` for each storage, and metadata (`version`, `byteorder`).
 *
 * @throws ReigniteError as `openCheckpoint`.
 */
export async function readZipContainer(source: FileSource, context: PickleContext): Promise<CheckpointContents> {
  const entries = await ZipEntries.open(source, context);
  await checkNotes(source, entries, context);
  const pickle = await readEntry('data.pkl', LIMITS.pickleBytes, source, entries, context);
  const reader = new ByteReader(bytesSource(pickle), context);
  const table = new StorageTable(context);
  const root = unpickle(reader, context, (id) => table.load(id));
  if (reader.remaining > 0) throw context.corrupt(`${reader.remaining} bytes follow the pickle in data.pkl`);
  return { format: 'zip', root, globals: context.globals, storages: await locateStorages(table, entries, context) };
}

async function locateStorages(
  table: StorageTable,
  entries: ZipEntries,
  context: PickleContext,
): Promise<ReadonlyMap<string, StoredBytes>> {
  const located = new Map<string, StoredBytes>();
  for (const [key, storage] of table.storages) {
    const stored = await entries.locate(`data/${key}`);
    if (stored.byteLength !== storage.storedBytes) {
      throw context.corrupt(`storage ${key} has ${stored.byteLength} bytes, ${storage.storedBytes} are announced`);
    }
    located.set(key, stored);
  }
  return located;
}

async function checkNotes(source: FileSource, entries: ZipEntries, context: PickleContext): Promise<void> {
  const byteOrder = await readNote('byteorder', source, entries, context);
  if (byteOrder === 'big') throw context.unsupported('its numbers are big-endian');
  if (byteOrder !== undefined && byteOrder !== 'little') {
    throw context.corrupt(`its byte order is ${JSON.stringify(byteOrder)}`);
  }
  const version = await readNote('version', source, entries, context);
  if (version === undefined) return;
  if (!/^\d{1,4}$/.test(version)) throw context.corrupt(`its version is ${JSON.stringify(version)}`);
  if (Number(version) > NEWEST_VERSION) throw context.unsupported(`its version is ${version}`);
}

async function readNote(
  name: string,
  source: FileSource,
  entries: ZipEntries,
  context: PickleContext,
): Promise<string | undefined> {
  if (!entries.has(name)) return undefined;
  const bytes = await readEntry(name, MAX_NOTE_LENGTH, source, entries, context);
  return Buffer.from(bytes).toString('latin1').trim();
}

async function readEntry(
  name: string,
  limit: number,
  source: FileSource,
  entries: ZipEntries,
  context: PickleContext,
): Promise<Uint8Array> {
  const { offset, byteLength, crc32: expected } = await entries.locate(name);
  if (byteLength > limit) throw context.unsupported(`its entry ${name} has ${byteLength} bytes, more than ${limit}`);
  const bytes = await source.read(offset, byteLength);
  if (crc32(bytes) !== expected) throw context.corrupt(`the content of its entry ${name} does not match its CRC-32`);
  return bytes;
}

const WINDOW_BYTES = 4096;

/**
 * Lets yauzl read through our file handle. Its own reader passes offsets from the zip directly to the system, and an
 * offset beyond 2^63 in a hostile zip64 throws an error that cannot be caught. Here it is an ordinary error.
 */
class ZipFileReader extends RandomAccessReader {
  /** Rejects with errors that yauzl throws within a callback, which would otherwise end the process. */
  readonly failure: Promise<never>;
  readonly #source: FileSource;
  #fail: (error: unknown) => void = () => undefined;
  #window: Uint8Array = new Uint8Array(0);
  #windowStart = 0;

  constructor(source: FileSource) {
    super();
    this.#source = source;
    this.failure = new Promise((_, reject) => {
      this.#fail = reject;
    });
    // Only some callers race with it.
    markHandled(this.failure);
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null, bytesRead?: number) => void,
  ): void {
    this.#bytes(position, length)
      .then(
        (bytes) => {
          buffer.set(bytes, offset);
          callback(null, length);
        },
        (error: unknown) => callback(error instanceof Error ? error : new Error(String(error))),
      )
      .catch(this.#fail);
  }

  /** Reads through a window, because the directory is read in many small adjacent pieces. */
  async #bytes(position: number, length: number): Promise<Uint8Array> {
    const { byteLength } = this.#source;
    if (!Number.isSafeInteger(position) || position < 0 || position + length > byteLength) {
      throw new RangeError(`${length} bytes at ${position} are beyond the end of the file`);
    }
    const start = position - this.#windowStart;
    if (start >= 0 && start + length <= this.#window.byteLength) return this.#window.subarray(start, start + length);
    const window = await this.#source.read(position, Math.min(Math.max(length, WINDOW_BYTES), byteLength - position));
    this.#window = window;
    this.#windowStart = position;
    return window.subarray(0, length);
  }
}

/** Entries of TorchScript programs, which contain code as well as data. */
const PROGRAM_ENTRIES = ['constants.pkl', 'model.json'];
const EXPORT =
  'Export it to ONNX in Python: `torch.onnx.export(torch.jit.load(FILE), torch.zeros(1, 3, 512, 512), "model.onnx")`.';
/** In a .pt2 file. */
const EXPORTED_PROGRAM = 'serialized_exported_program.json';
const EXPORT_AGAIN =
  'Export it to ONNX in Python: `torch.onnx.export(torch.export.load(FILE).module(), torch.zeros(1, 3, 512, 512), "model.onnx")`.';
const ENCRYPTED = 0x1;
const STORED = 0;

/** The entries of a checkpoint's zip, by their name within the root folder. */
class ZipEntries {
  readonly #source: FileSource;
  readonly #context: PickleContext;
  readonly #reader: ZipFileReader;
  readonly #zip: ZipFile;
  readonly #entries: ReadonlyMap<string, Entry>;

  private constructor(
    source: FileSource,
    context: PickleContext,
    reader: ZipFileReader,
    zip: ZipFile,
    entries: ReadonlyMap<string, Entry>,
  ) {
    this.#source = source;
    this.#context = context;
    this.#reader = reader;
    this.#zip = zip;
    this.#entries = entries;
  }

  /**
   * Reads the central directory.
   *
   * @throws ReigniteError CHECKPOINT_CORRUPT for names outside the one root folder, duplicate names and sizes that do
   *   not fit; CHECKPOINT_UNSUPPORTED for compressed or encrypted entries.
   */
  static async open(source: FileSource, context: PickleContext): Promise<ZipEntries> {
    const reader = new ZipFileReader(source);
    try {
      return await Promise.race([reader.failure, ZipEntries.#read(reader, source, context)]);
    } catch (error) {
      throw asCorrupt(error, context);
    }
  }

  static async #read(reader: ZipFileReader, source: FileSource, context: PickleContext): Promise<ZipEntries> {
    const options = { strictFileNames: true, validateEntrySizes: false, autoClose: false };
    const zip = await fromRandomAccessReaderPromise(reader, source.byteLength, options);
    if (zip.entryCount > LIMITS.zipEntries) throw context.unsupported(`it has ${zip.entryCount} entries`);
    const entries = new Map<string, Entry>();
    const obstacles: ReigniteError[] = [];
    let root: string | undefined;
    for await (const entry of zip.eachEntry()) {
      const [folder, name] = splitName(entry, context);
      root ??= folder;
      if (folder !== root) throw context.corrupt(`it has two root folders, ${root} and ${folder}`);
      if (name.endsWith('/') || name === '') continue;
      const obstacle = checkEntry(entry, source.byteLength, context);
      if (obstacle !== undefined) obstacles.push(obstacle);
      if (entries.has(name)) throw context.corrupt(`its entry ${entry.fileName} occurs twice`);
      entries.set(name, entry);
    }
    // Programs may have compressed entries, but this message is more helpful.
    if (PROGRAM_ENTRIES.some((name) => entries.has(name)))
      throw context.unsupported('it is a TorchScript program, not a checkpoint', EXPORT);
    const [obstacle] = obstacles;
    if (obstacle !== undefined) throw obstacle;
    return new ZipEntries(source, context, reader, zip, entries);
  }

  has(name: string): boolean {
    return this.#entries.has(name);
  }

  /** Reads the position of an entry's content from its local header. */
  async locate(name: string): Promise<StoredBytes> {
    const entry = this.#entries.get(name);
    if (entry === undefined) throw this.#context.corrupt(`it has no entry ${name}`);
    try {
      const header = await Promise.race([this.#reader.failure, this.#zip.readLocalFileHeaderPromise(entry)]);
      if (!header.fileName.equals(entry.fileNameRaw) || header.compressionMethod !== STORED) {
        throw this.#context.corrupt(`the two headers of its entry ${entry.fileName} differ`);
      }
      if (header.fileDataStart + entry.uncompressedSize > this.#source.byteLength) {
        throw this.#context.corrupt(`its entry ${entry.fileName} is larger than the file`);
      }
      return { offset: header.fileDataStart, byteLength: entry.uncompressedSize, crc32: entry.crc32 };
    } catch (error) {
      throw asCorrupt(error, this.#context);
    }
  }
}

/** Splits a name into the root folder and the rest. yauzl has already refused absolute names, `..` and backslashes. */
function splitName({ fileName, fileNameRaw }: Entry, context: PickleContext): readonly [string, string] {
  if (fileName === EXPORTED_PROGRAM)
    throw context.unsupported('it is a program of torch.export, not a checkpoint', EXPORT_AGAIN);
  const parts = fileName.split('/');
  const inner = parts.slice(0, -1);
  const isPlain = inner.length > 0 && !inner.includes('') && !parts.includes('.') && !parts.includes('..');
  // An extra field may contain another name, which other programs ignore.
  if (!isPlain || !Buffer.from(fileName).equals(fileNameRaw)) {
    throw context.corrupt(`its entry ${JSON.stringify(fileName.slice(0, 200))} is not named as PyTorch does`);
  }
  return [parts[0] ?? '', parts.slice(1).join('/')];
}

/** @returns Why an intact entry is not supported. */
function checkEntry(entry: Entry, fileBytes: number, context: PickleContext): ReigniteError | undefined {
  if ((entry.generalPurposeBitFlag & ENCRYPTED) !== 0) {
    return context.unsupported(`its entry ${entry.fileName} is encrypted`);
  }
  if (entry.compressionMethod !== STORED) return context.unsupported(`its entry ${entry.fileName} is compressed`);
  if (entry.compressedSize !== entry.uncompressedSize || entry.compressedSize > fileBytes) {
    throw context.corrupt(`its entry ${entry.fileName} has a size that cannot be`);
  }
  return undefined;
}

function asCorrupt(error: unknown, context: PickleContext): unknown {
  if (error instanceof ReigniteError || !(error instanceof Error)) return error;
  return context.corrupt(`its zip directory is wrong (${error.message})`, error);
}
