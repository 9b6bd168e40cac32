import { ByteReader } from '../pickle/byte-reader.ts';
import type { PickleContext } from '../pickle/pickle-context.ts';
import { unpickle } from '../pickle/unpickle.ts';
import { isPickleObject, type PickleValue } from '../pickle/value.ts';
import { StorageTable } from '../tensors/rebuild-tensor.ts';
import { storageElementBytes } from '../tensors/tensor.ts';
import type { CheckpointContents, FileSource, StoredBytes } from './file-source.ts';

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
export function readStreamContainer(source: FileSource, context: PickleContext): CheckpointContents {
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
