import type { Blobs } from './blobs.ts';
import type { ObjectStore } from './object-store.ts';
import { refuseOddName } from './stored-files.ts';

/** The fields of a cache entry that are needed to store it. */
interface StorableEntry {
  readonly key: string;
  readonly files: Readonly<Record<string, { readonly sha256: string; readonly bytes: number }>>;
}

/**
 * Cache entries that machines share. The files of an entry are stored first, then its description, and only if there is
 * none: an entry is complete or absent, and the first one of a key stays.
 */
export class StoredEntries {
  readonly #store: ObjectStore;
  readonly #blobs: Blobs;
  /** Keys that are known to be stored. */
  readonly #present = new Set<string>();

  constructor(store: ObjectStore, blobs: Blobs) {
    this.#store = store;
    this.#blobs = blobs;
  }

  /** Name of an entry for messages. */
  nameOf(key: string): string {
    return this.#store.name + objectOf(key);
  }

  /** Reads the description of an entry; undefined if it is not stored. */
  async read(key: string, signal?: AbortSignal): Promise<string | undefined> {
    const text = await this.#store.readText(objectOf(key), signal);
    if (text !== undefined) this.#present.add(key);
    return text;
  }

  /** Downloads a file of an entry to `path`. @throws ReigniteError STORAGE_DAMAGED for a name that leads elsewhere. */
  async fetchFile(key: string, name: string, sha256: string, path: string, signal?: AbortSignal): Promise<void> {
    refuseOddName(name, this.#store, objectOf(key));
    await this.#blobs.fetch(sha256, path, signal);
  }

  /**
   * Stores an entry unless its key is already stored.
   *
   * @param pathOf - Returns the path of a file of the entry on this machine.
   */
  async offer(entry: StorableEntry, pathOf: (name: string) => string, signal?: AbortSignal): Promise<void> {
    const { key, files } = entry;
    if (this.#present.has(key)) return;
    if ((await this.#store.sizeOf(objectOf(key), signal)) === undefined) {
      for (const [name, content] of Object.entries(files)) await this.#blobs.offer(pathOf(name), content, signal);
      await this.#store.writeOnce(objectOf(key), JSON.stringify(entry), signal);
    }
    this.#present.add(key);
  }
}

function objectOf(key: string): string {
  return `cache/${key.slice(0, 2)}/${key}.json`;
}
