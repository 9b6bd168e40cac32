/** A file that becomes an object. */
export interface FileToStore {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** What an object is made from: a file, or small contents. */
export type ObjectSource = FileToStore | string;

/** What moved between this process and the storage. */
export interface MovedBytes {
  readonly sent: number;
  readonly received: number;
  readonly requests: number;
}

/**
 * A store of whole objects by key. What is written appears at once and whole, or not at all. Every call tries again for a
 * while when the store does not answer.
 *
 * @throws ReigniteError STORAGE_UNAVAILABLE when it does not answer for long; STORAGE_REFUSED when it does not let us in.
 */
export interface ObjectStore {
  /** For messages: `s3://bucket/prefix`. */
  readonly name: string;
  readonly moved: MovedBytes;
  /** A small object as text; undefined where there is none. */
  readText(key: string, signal?: AbortSignal): Promise<string | undefined>;
  /** Writes an object to a file. @returns SHA-256 of what came; undefined where there is no such object. */
  readToFile(key: string, path: string, signal?: AbortSignal): Promise<string | undefined>;
  /** Size of an object in bytes; undefined where there is none. */
  sizeOf(key: string, signal?: AbortSignal): Promise<number | undefined>;
  /** Writes an object, over one that is there. */
  write(key: string, source: ObjectSource, signal?: AbortSignal): Promise<void>;
  /** Writes an object unless there is one. @returns Whether it was written by this call. */
  writeOnce(key: string, source: ObjectSource, signal?: AbortSignal): Promise<boolean>;
  remove(key: string, signal?: AbortSignal): Promise<void>;
}
