import { closeSync, constants, ftruncateSync, openSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { bytesOf } from './sliding-window/raw-file.ts';

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
