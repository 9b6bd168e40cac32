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
