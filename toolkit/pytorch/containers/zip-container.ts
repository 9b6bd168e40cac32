import { crc32 } from 'node:zlib';
import { ByteReader, bytesSource } from '../pickle/byte-reader.ts';
import { LIMITS } from '../pickle/limits.ts';
import type { PickleContext } from '../pickle/pickle-context.ts';
import { unpickle } from '../pickle/unpickle.ts';
import type { CheckpointContents, FileSource, StoredBytes } from './file-source.ts';
import { StorageTable } from './storage-table.ts';
import { ZipEntries } from './zip-entries.ts';

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
