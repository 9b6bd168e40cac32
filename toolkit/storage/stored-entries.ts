import type { Blobs } from './blobs.ts';
import type { ObjectStore } from './object-store.ts';
import { refuseOddName } from './stored-files.ts';

/** What of a cache entry is needed to store it. */
interface StorableEntry {
  readonly key: string;
  readonly files: Readonly<Record<string, { readonly sha256: string; readonly bytes: number }>>;
}

/**
 * Cache entries that machines share. The files of an entry are stored first, then its description under a condition: an
 * entry is there whole or not at all, and the first one of a key stays.
 */
export class StoredEntries {
  readonly #store: ObjectStore;
  readonly #blobs: Blobs;
  /** Keys that are known to be there. */
  readonly #present = new Set<string>();

  constructor(store: ObjectStore, blobs: Blobs) {
    this.#store = store;
    this.#blobs = blobs;
  }

  /** For messages. */
  nameOf(key: string): string {
    return this.#store.name + objectOf(key);
  }

  /** The description of an entry as it was stored; undefined where there is none. */
  async read(key: string, signal?: AbortSignal): Promise<string | undefined> {
    const text = await this.#store.readText(objectOf(key), signal);
    if (text !== undefined) this.#present.add(key);
    return text;
  }

  /** Writes a file of an entry to `path`. @throws ReigniteError STORAGE_DAMAGED for a name that leads elsewhere. */
  async fetchFile(key: string, name: string, sha256: string, path: string, signal?: AbortSignal): Promise<void> {
    refuseOddName(name, this.#store, objectOf(key));
    await this.#blobs.fetch(sha256, path, signal);
  }

  /**
   * Stores an entry unless there is one of its key.
   *
   * @param pathOf - Where a file of the entry is on this machine.
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
