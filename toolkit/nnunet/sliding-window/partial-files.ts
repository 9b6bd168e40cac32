import { closeSync, constants, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';

/** Returns the bytes of a typed array as they are in memory, without a copy. */
export function bytesOf(data: Float32Array | Uint16Array | Uint8Array): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** Overwrites a file, which reuses its blocks on disk. */
export function writeOver(path: string, bytes: Uint8Array): void {
  withFile(path, constants.O_WRONLY | constants.O_CREAT, (descriptor) => {
    let written = 0;
    while (written < bytes.length) {
      written += writeSync(descriptor, bytes, written, bytes.length - written, written);
    }
    ftruncateSync(descriptor, bytes.length);
  });
}

/**
 * Fills `into` with the bytes of a file, starting at `position`.
 *
 * @throws Error if the file ends earlier.
 */
export function readAt(path: string, position: number, into: Uint8Array): void {
  withFile(path, constants.O_RDONLY, (descriptor) => readFully(descriptor, position, into));
}

const CHUNK_BYTES = 1 << 22;

/** Computes the CRC-32 of a file; undefined if it does not exist or has another length. */
export function crcOfFile(path: string, length: number): number | undefined {
  try {
    return withFile(path, constants.O_RDONLY, (descriptor) => {
      if (fstatSync(descriptor).size !== length) return undefined;
      const chunk = new Uint8Array(Math.min(length, CHUNK_BYTES));
      let crc = 0;
      for (let at = 0; at < length; at += chunk.length) {
        const part = chunk.subarray(0, length - at);
        readFully(descriptor, at, part);
        crc = crc32(part, crc);
      }
      return crc;
    });
  } catch {
    return undefined;
  }
}

function withFile<Result>(path: string, flags: number, use: (descriptor: number) => Result): Result {
  const descriptor = openSync(path, flags, 0o644);
  try {
    return use(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function readFully(descriptor: number, position: number, into: Uint8Array): void {
  let read = 0;
  while (read < into.length) {
    const count = readSync(descriptor, into, read, into.length - read, position + read);
    if (count === 0) throw new Error(`Expected ${into.length} bytes at ${position}, the file ends after ${read}`);
    read += count;
  }
}

/** A float32 file that is written in pieces, over existing content. */
export class PieceFile {
  readonly #guard: (operation: () => void) => void;
  #descriptor = -1;
  #bytes = 0;
  #crc = 0;
  #onEnd: (bytes: number, crc: number) => void = () => undefined;

  /** @param guard - Runs each file operation and converts its errors. */
  constructor(path: string, guard: (operation: () => void) => void) {
    this.#guard = guard;
    guard(() => {
      this.#descriptor = openSync(path, constants.O_WRONLY | constants.O_CREAT, 0o644);
    });
  }

  /** @param onEnd - Receives the length in bytes and the CRC-32 of the finished file. */
  whenEnded(onEnd: (bytes: number, crc: number) => void): void {
    this.#onEnd = onEnd;
  }

  append(data: Float32Array): void {
    const bytes = bytesOf(data);
    this.#guard(() => {
      let written = 0;
      while (written < bytes.length)
        written += writeSync(this.#descriptor, bytes, written, bytes.length - written, this.#bytes + written);
    });
    this.#crc = crc32(bytes, this.#crc);
    this.#bytes += bytes.length;
  }

  /** Truncates the file after the last piece, closes it and reports it as finished. */
  end(): void {
    this.#guard(() => ftruncateSync(this.#descriptor, this.#bytes));
    this.close();
    this.#onEnd(this.#bytes, this.#crc);
  }

  /** Closes the file without reporting it. */
  close(): void {
    if (this.#descriptor >= 0) closeSync(this.#descriptor);
    this.#descriptor = -1;
  }
}

/** Copies of files of a partial result that are not written yet. The memory of deleted ones is reused. */
export class PendingFiles {
  readonly #files = new Map<string, Uint8Array>();
  readonly #free: Uint8Array[] = [];
  readonly #mostFree: number;
  #bytes = 0;
  #freeBytes = 0;

  /** @param mostFree - Maximum memory that is kept for reuse, bytes. */
  constructor(mostFree: number) {
    this.#mostFree = mostFree;
  }

  /** Memory of all files, and memory that is kept for reuse, bytes. */
  get bytes(): { readonly pending: number; readonly free: number } {
    return { pending: this.#bytes, free: this.#freeBytes };
  }

  set(name: string, bytes: Uint8Array): void {
    this.delete(name);
    const copy = this.#memory(bytes.length);
    copy.set(bytes);
    this.#files.set(name, copy);
    this.#bytes += copy.length;
  }

  get(name: string): Uint8Array | undefined {
    return this.#files.get(name);
  }

  /** @returns Whether there was such a file. */
  delete(name: string): boolean {
    const bytes = this.#files.get(name);
    if (bytes === undefined) return false;
    this.#bytes -= bytes.length;
    this.#keep(bytes);
    return this.#files.delete(name);
  }

  /** Yields and forgets each file. Its bytes are valid until the next one is requested. */
  *takeAll(): Generator<readonly [string, Uint8Array]> {
    for (const entry of [...this.#files]) {
      yield entry;
      this.delete(entry[0]);
    }
  }

  /** Reuses memory, because new memory takes several times as long as a copy: the system clears it. */
  #memory(length: number): Uint8Array {
    const at = this.#free.findIndex((bytes) => bytes.length === length);
    const found = this.#free.splice(at, at < 0 ? 0 : 1)[0];
    if (found === undefined) return new Uint8Array(length);
    this.#freeBytes -= length;
    return found;
  }

  /** Keeps memory for reuse. Beyond the limit, the oldest is dropped. */
  #keep(bytes: Uint8Array): void {
    if (bytes.length > this.#mostFree) return;
    this.#free.push(bytes);
    this.#freeBytes += bytes.length;
    while (this.#freeBytes > this.#mostFree) this.#freeBytes -= this.#free.shift()?.length ?? 0;
  }
}
