import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { Worker } from 'node:worker_threads';
import { markHandled } from '../../concurrency.ts';
import { ReigniteError } from '../../errors.ts';
import { startThread } from '../../start-thread.ts';
import type { PartWatcher } from './part-file.ts';

export interface SizeAndDigests {
  readonly size: number;
  /** Lower-case hex. */
  readonly md5: string;
  /** Lower-case hex. */
  readonly sha256: string;
}

/**
 * Computes size, MD5 and SHA-256 of a file in one pass. Memory does not grow with its size.
 *
 * @throws The system's error if the file does not exist; the signal's reason when aborted.
 */
export async function digestsOfFile(path: string, signal?: AbortSignal, onBytes?: () => void): Promise<SizeAndDigests> {
  const md5 = createHash('md5');
  const sha256 = createHash('sha256');
  let size = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
    signal?.throwIfAborted();
    md5.update(chunk);
    sha256.update(chunk);
    size += chunk.length;
    onBytes?.();
  }
  return { size, md5: md5.digest('hex'), sha256: sha256.digest('hex') };
}

/** Smaller files, bytes, are hashed when they are complete, because starting two threads would take longer. */
const WORTH_THREADS = 16 * 2 ** 20;

/** Digests of a file that is being written, computed from disk. */
export interface StreamingDigest extends PartWatcher {
  /**
   * Waits for the digests of the complete file.
   *
   * @throws The signal's reason when aborted.
   */
  finish(length: number, signal?: AbortSignal): Promise<SizeAndDigests>;
  close(): Promise<void>;
}

/**
 * Hashes a file while it is being written. One thread for MD5 and one for SHA-256 follow the writer, so that the digests
 * are ready soon after the last byte. Bytes of an earlier attempt are read first.
 *
 * @param path - The file; it need not exist yet.
 * @param size - Final size in bytes.
 */
export function hashWhileWriting(path: string, size: number): StreamingDigest {
  return size < WORTH_THREADS ? new DigestAtEnd(path) : new DigestInThread(path);
}

class DigestAtEnd implements StreamingDigest {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  onLength(): void {}
  onBegin(): void {}

  finish(_length: number, signal?: AbortSignal): Promise<SizeAndDigests> {
    return digestsOfFile(this.#path, signal);
  }

  async close(): Promise<void> {}
}

class DigestInThread implements StreamingDigest {
  readonly #shared = new SharedArrayBuffer(24);
  readonly #signals = new Int32Array(this.#shared, 0, 2);
  readonly #lengths = new BigInt64Array(this.#shared, 8, 2);
  readonly #threads: readonly DigestThread[];
  #generation = 0;

  constructor(path: string) {
    this.#lengths[1] = -1n;
    this.#threads = ['md5', 'sha256'].map((algorithm) => new DigestThread(path, algorithm, this.#shared));
  }

  onLength(length: number): void {
    Atomics.store(this.#lengths, 0, BigInt(length));
    this.#wake();
  }

  onBegin(): void {
    Atomics.store(this.#lengths, 0, 0n);
    Atomics.store(this.#lengths, 1, -1n);
    this.#generation += 1;
    Atomics.store(this.#signals, 1, this.#generation);
    this.#wake();
  }

  async finish(size: number, signal?: AbortSignal): Promise<SizeAndDigests> {
    Atomics.store(this.#lengths, 0, BigInt(size));
    Atomics.store(this.#lengths, 1, BigInt(size));
    const digests = this.#threads.map((thread) => thread.digest(this.#generation, signal));
    this.#wake();
    const [md5 = '', sha256 = ''] = await Promise.all(digests);
    return { size, md5, sha256 };
  }

  async close(): Promise<void> {
    Atomics.store(this.#signals, 1, -1);
    this.#wake();
    await Promise.all(this.#threads.map((thread) => thread.ended));
  }

  #wake(): void {
    Atomics.add(this.#signals, 0, 1);
    Atomics.notify(this.#signals, 0);
  }
}

/** Data with which the thread is started. */
export interface DigestThreadData {
  readonly path: string;
  /** Name of the algorithm for `createHash`. */
  readonly algorithm: string;
  readonly shared: SharedArrayBuffer;
}

interface Answer {
  readonly generation: number;
  readonly digest: string;
}

class DigestThread {
  readonly #worker: Worker;
  readonly ended: Promise<void>;
  #failed: (error: Error) => void = () => undefined;
  readonly #failure: Promise<never>;

  constructor(path: string, algorithm: string, shared: SharedArrayBuffer) {
    this.#worker = startThread('toolkit/zenodo/download/digest-thread.ts', {
      path,
      algorithm,
      shared,
    } satisfies DigestThreadData);
    this.#failure = new Promise((_resolve, reject) => {
      this.#failed = reject;
    });
    markHandled(this.#failure);
    this.#worker.on('error', (error) => {
      const reason = error instanceof Error ? error.message : String(error);
      this.#failed(new ReigniteError('INTERNAL', `${path} could not be hashed: ${reason}.`, { cause: error }));
    });
    this.ended = new Promise((resolve) => this.#worker.once('exit', () => resolve()));
  }

  /** Waits for the digest of a generation, in lower-case hex. */
  async digest(generation: number, signal: AbortSignal | undefined): Promise<string> {
    let release = () => {};
    const answer = new Promise<string>((resolve, reject) => {
      const onMessage = (message: Answer) => {
        if (message.generation === generation) resolve(message.digest);
      };
      const onAbort = () => reject(signal?.reason);
      this.#worker.on('message', onMessage);
      signal?.addEventListener('abort', onAbort);
      release = () => {
        this.#worker.off('message', onMessage);
        signal?.removeEventListener('abort', onAbort);
      };
      if (signal?.aborted) onAbort();
    });
    try {
      return await Promise.race([answer, this.#failure]);
    } finally {
      release();
    }
  }
}
