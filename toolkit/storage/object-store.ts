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
