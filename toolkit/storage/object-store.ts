import { stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { ReigniteError } from '../errors.ts';
import { replaceFile } from '../files/atomic-write.ts';
import { sha256OfFile } from '../files/hash-file.ts';

/** A file to store as an object. */
export interface FileToStore {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** Content of an object: a file, or a short text. */
export type ObjectSource = FileToStore | string;

/** Bytes and requests exchanged with the storage. */
export interface MovedBytes {
  readonly sent: number;
  readonly received: number;
  readonly requests: number;
}

/**
 * A store of whole objects by key. Writes are atomic. Every call is retried for a while if the store does not answer.
 *
 * @throws ReigniteError STORAGE_UNAVAILABLE when it does not answer in time; STORAGE_REFUSED when it denies access.
 */
export interface ObjectStore {
  /** For messages: `s3://bucket/prefix`. */
  readonly name: string;
  readonly moved: MovedBytes;
  /** Reads a small object as text; undefined if it does not exist. */
  readText(key: string, signal?: AbortSignal): Promise<string | undefined>;
  /** Writes an object to a file. @returns SHA-256 of the received bytes; undefined if the object does not exist. */
  readToFile(key: string, path: string, signal?: AbortSignal): Promise<string | undefined>;
  /** Returns the size of an object in bytes; undefined if it does not exist. */
  sizeOf(key: string, signal?: AbortSignal): Promise<number | undefined>;
  /** Writes an object, replacing an existing one. */
  write(key: string, source: ObjectSource, signal?: AbortSignal): Promise<void>;
  /** Writes an object unless it exists. @returns Whether this call wrote it. */
  writeOnce(key: string, source: ObjectSource, signal?: AbortSignal): Promise<boolean>;
  remove(key: string, signal?: AbortSignal): Promise<void>;
}

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

/** How often, and after which waits, a failed request is repeated. */
export interface StorageRetries {
  /** Maximum number of requests. */
  readonly attempts: number;
  /** Wait after the first failure, ms; doubles each time. */
  readonly firstMs: number;
  readonly longestMs: number;
}

/** Half a minute in total; then Temporal retries the activity. */
export const USUAL_RETRIES: StorageRetries = { attempts: 9, firstMs: 200, longestMs: 8_000 };

/** Status codes after which the same request may succeed. */
const PASSING: ReadonlySet<number> = new Set([408, 409, 425, 429, 500, 502, 503, 504]);

/**
 * Sends a request, and repeats it after transient failures: no connection, a lost connection, HTTP 5xx or 429.
 *
 * @param what - Description of the request, for the message.
 * @throws ReigniteError STORAGE_UNAVAILABLE, STORAGE_REFUSED; the signal's reason.
 */
export async function withRetries<Result>(
  what: string,
  { attempts, firstMs, longestMs }: StorageRetries,
  signal: AbortSignal | undefined,
  ask: () => Promise<Result>,
): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted();
    try {
      return await ask();
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof ReigniteError) throw error;
      if (!mayPass(error)) throw refused(what, error);
      if (attempt >= attempts) {
        const message = `${what}: no answer in ${attempts} attempts (${reasonOf(error)}).`;
        throw new ReigniteError('STORAGE_UNAVAILABLE', message, { cause: error });
      }
    }
    const wait = Math.min(firstMs * 2 ** (attempt - 1), longestMs);
    // Spreads the retries of many workers that failed at the same time.
    await sleep(wait * (0.5 + Math.random() / 2), undefined, signal === undefined ? {} : { signal });
  }
}

/** Returns the HTTP status of a client error; undefined for a connection error. */
export function statusOf(error: unknown): number | undefined {
  const status: unknown = Object(Object(error).$metadata).httpStatusCode;
  return typeof status === 'number' ? status : undefined;
}

function mayPass(error: unknown): boolean {
  if (isLackingSettings(error)) return false;
  const status = statusOf(error);
  // A truncated or garbled answer has a success status.
  return status === undefined || status < 300 || PASSING.has(status);
}

/** Returns whether region or credentials are missing, so that nothing was sent. */
function isLackingSettings(error: unknown): boolean {
  const { name, message } = Object(error);
  return name === 'CredentialsProviderError' || /region is missing|could not load credentials/i.test(String(message));
}

function refused(what: string, error: unknown): ReigniteError {
  return new ReigniteError('STORAGE_REFUSED', `${what}: ${reasonOf(error)}.`, { cause: error });
}

/** Returns name, status and message of a client error. They contain no credentials. */
function reasonOf(error: unknown): string {
  const status = statusOf(error);
  const { name = 'Error', message = '', code } = Object(error);
  const parts = [String(name), ...(status === undefined ? [] : [`HTTP ${status}`]), ...(code ? [String(code)] : [])];
  const said = String(message).split('\n')[0]?.replace(/\.$/, '') ?? '';
  return said === '' || said === name ? parts.join(' ') : `${parts.join(' ')}: ${said}`;
}
