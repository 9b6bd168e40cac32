import { stat } from 'node:fs/promises';
import { ReigniteError } from '../errors.ts';
import { replaceFile } from '../files/atomic-write.ts';
import { sha256OfFile } from '../files/hash-file.ts';
import type { ObjectStore } from './object-store.ts';

/** The content of a file. */
export interface Content {
  readonly sha256: string;
  readonly bytes: number;
}

/** Stores files under the SHA-256 of their content: each content is stored once and never changes. */
export class Blobs {
  readonly #store: ObjectStore;
  readonly #present = new Set<string>();

  constructor(store: ObjectStore) {
    this.#store = store;
  }

  /**
   * Stores a file unless its content is already stored.
   *
   * @param known - Content of the file, if it has already been hashed.
   * @throws ReigniteError STORAGE_DAMAGED when the object of this digest has another size; STORAGE_UNAVAILABLE,
   *   STORAGE_REFUSED.
   */
  async offer(path: string, known?: Content, signal?: AbortSignal): Promise<Content> {
    const { sha256, bytes } = known ?? { sha256: await sha256OfFile(path, signal), bytes: (await stat(path)).size };
    if (this.#present.has(sha256)) return { sha256, bytes };
    const key = keyOf(sha256);
    const size = await this.#store.sizeOf(key, signal);
    if (size === undefined) await this.#store.writeOnce(key, { path, sha256, bytes }, signal);
    else if (size !== bytes) {
      throw new ReigniteError('STORAGE_DAMAGED', `${this.#store.name}${key} has ${size} bytes instead of ${bytes}.`);
    }
    this.#present.add(sha256);
    return { sha256, bytes };
  }

  /**
   * Downloads the content with a digest to a file, and verifies it.
   *
   * @throws ReigniteError STORAGE_MISSING, STORAGE_DAMAGED, STORAGE_UNAVAILABLE, STORAGE_REFUSED; NO_SPACE.
   */
  async fetch(sha256: string, path: string, signal?: AbortSignal): Promise<void> {
    const key = keyOf(sha256);
    await replaceFile(path, async (temporary) => {
      const found = await this.#store.readToFile(key, temporary, signal);
      if (found === sha256) return;
      this.#present.delete(sha256);
      if (found === undefined) {
        throw new ReigniteError('STORAGE_MISSING', `${this.#store.name}${key} is not in the storage.`);
      }
      throw new ReigniteError('STORAGE_DAMAGED', `${this.#store.name}${key} does not match the SHA-256 in its name.`);
    });
  }
}

function keyOf(sha256: string): string {
  return `objects/${sha256.slice(0, 2)}/${sha256}`;
}
