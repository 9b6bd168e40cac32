import type { SeenGlobal } from './global-verdict.ts';
import type { PickleValue } from './value.ts';

/** Where the bytes of a storage lie in the file. */
export interface StoredBytes {
  readonly offset: number;
  readonly byteLength: number;
  /** CRC-32 of the bytes, where the container has one. */
  readonly crc32: number | undefined;
}

/** What a container says: the pickled object, the names it imports, and where the storages lie. */
export interface CheckpointContents {
  readonly format: 'zip' | 'stream' | 'pickle';
  readonly root: PickleValue;
  readonly globals: readonly SeenGlobal[];
  /** Every storage that the object refers to, by key. */
  readonly storages: ReadonlyMap<string, StoredBytes>;
}
