import { existsSync } from 'node:fs';
import { type FileHandle, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { z } from 'zod';
import { sweepTemporaries, writeFileAtomic } from '../../files/atomic-write.ts';
import { asDiskError } from '../../files/file-access.ts';

/** Bytes that may be queued while others are written. */
const MAX_WAITING = 4 * 2 ** 20;
/** Data are synced to disk after this many bytes, so that the final sync is short. */
const SYNC_EVERY = 64 * 2 ** 20;

/**
 * Writes chunks in order without waiting for each. Chunks that arrive while the disk is busy are combined into the next
 * write, so a slow network gives one write per chunk and a fast one few large writes.
 */
class BatchWriter {
  readonly #handle: FileHandle;
  readonly #onLength: (length: number) => void;
  #written: number;
  #synced: number;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #writing: Promise<void> | undefined;
  #syncing: Promise<void> | undefined;
  #failure: unknown;

  /** @param onLength - Called with the length of the file after every write. */
  constructor(handle: FileHandle, position: number, onLength: (length: number) => void) {
    this.#handle = handle;
    this.#written = position;
    this.#synced = position;
    this.#onLength = onLength;
  }

  /** Queues a chunk. @throws What an earlier write threw. */
  async add(chunk: Buffer): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    this.#waiting.push(chunk);
    this.#waitingBytes += chunk.length;
    this.#writing ??= this.#drain();
    if (this.#waitingBytes > MAX_WAITING) await this.#writing;
  }

  /**
   * Waits until all chunks are written.
   *
   * @throws What a write threw.
   */
  async end(): Promise<void> {
    await this.#writing;
    await this.#syncing;
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Never rejects; a failure is thrown by the next call of `add` or `end`. */
  async #drain(): Promise<void> {
    try {
      while (this.#waiting.length > 0) {
        const batch = this.#waiting;
        this.#waiting = [];
        this.#waitingBytes = 0;
        await this.#write(batch);
      }
    } catch (error) {
      this.#failure = error;
    }
    this.#writing = undefined;
  }

  async #write(batch: Buffer[]): Promise<void> {
    let bytes = batch;
    for (;;) {
      const { bytesWritten } = await this.#handle.writev(bytes, this.#written);
      this.#written += bytesWritten;
      this.#onLength(this.#written);
      const total = bytes.reduce((sum, { length }) => sum + length, 0);
      // The system may write fewer bytes than requested, for example on a disk that is almost full.
      if (bytesWritten === total) break;
      bytes = [Buffer.concat(bytes).subarray(bytesWritten)];
    }
    if (this.#written - this.#synced >= SYNC_EVERY && this.#syncing === undefined) {
      this.#synced = this.#written;
      this.#syncing = this.#handle
        .datasync()
        .catch(() => undefined)
        .then(() => {
          this.#syncing = undefined;
        });
    }
  }
}

const State = z.object({
  url: z.string(),
  size: z.number(),
  md5: z.string(),
  etag: z.string().optional(),
  lastModified: z.string().optional(),
  /** Whether the download was restarted because the bytes of an earlier one were wrong. */
  again: z.boolean().optional(),
  /** Consecutive replies that did not continue these bytes. */
  rangeMismatches: z.number().optional(),
});

/** Which file, and which version of it, the bytes of a partial file belong to. */
export type PartState = z.infer<typeof State>;

/** Called when the partial file changes. */
export interface PartWatcher {
  /** Called with the number of bytes on disk. */
  onLength(length: number): void;
  /** Called when the file was emptied. */
  onBegin(): void;
}

/**
 * The bytes of an unfinished transfer: `<path>.part`, and next to it `<path>.part.json`, which states what they are part
 * of. The progress is the length of the file, never a stored number.
 */
export class PartFile {
  readonly path: string;
  readonly #statePath: string;
  readonly #watcher: PartWatcher | undefined;

  /** @param target - Final path of the complete file. */
  constructor(target: string, watcher?: PartWatcher) {
    this.path = partPath(target);
    this.#statePath = `${target}.part.json`;
    this.#watcher = watcher;
  }

  /** Returns the bytes on disk; 0 if the file does not exist. */
  async length(): Promise<number> {
    try {
      return (await stat(this.path)).size;
    } catch {
      return 0;
    }
  }

  /** Returns whether a transfer has left any file. */
  isBegun(): boolean {
    return existsSync(this.path) || existsSync(this.#statePath);
  }

  /** Reads the state; undefined if it is missing or damaged. */
  async state(): Promise<PartState | undefined> {
    try {
      return State.parse(JSON.parse(await readFile(this.#statePath, 'utf8')));
    } catch {
      return undefined;
    }
  }

  /** Empties the file and records what will be in it. The record is written before the first byte. */
  async begin(state: PartState): Promise<void> {
    await this.remove();
    await this.note(state);
    await this.#disk(async () => (await open(this.path, 'w')).close());
    this.#watcher?.onBegin();
  }

  /** Replaces the recorded state. */
  async note(state: PartState): Promise<void> {
    await writeFileAtomic(this.#statePath, `${JSON.stringify(state)}\n`);
  }

  /**
   * Writes chunks from `position` on as they arrive, and syncs them to disk. Chunks that arrived before an error are
   * written too.
   *
   * @param most - Expected length of the file. At most one byte more is written, which shows that the file is too long.
   * @returns The length of the file, at most `most + 1`.
   */
  async append(
    position: number,
    most: number,
    chunks: AsyncIterable<Buffer>,
    onLength: (length: number) => void,
  ): Promise<number> {
    const handle = await this.#disk(() => open(this.path, 'r+'));
    const writer = new BatchWriter(handle, position, (length) => {
      this.#watcher?.onLength(length);
      onLength(length);
    });
    let length = position;
    try {
      for await (const chunk of chunks) {
        const fitting = chunk.subarray(0, most + 1 - length);
        length += fitting.length;
        await this.#disk(() => writer.add(fitting));
        if (length > most) break;
      }
    } finally {
      try {
        await this.#disk(() => writer.end());
      } finally {
        await this.#disk(() => closeSynced(handle));
      }
    }
    return length;
  }

  /** Renames the file to `target` and syncs the folder. */
  async moveTo(target: string): Promise<void> {
    await this.#disk(() => rename(this.path, target));
    await this.#removeState();
    const folder = await open(dirname(target), 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }

  async remove(): Promise<void> {
    await this.#disk(() => rm(this.path, { force: true }));
    await this.#removeState();
  }

  async #removeState(): Promise<void> {
    await this.#disk(() => rm(this.#statePath, { force: true }));
    const state = basename(this.#statePath);
    await this.#disk(() => sweepTemporaries(dirname(this.#statePath), { of: (name) => name === state, sole: true }));
  }

  async #disk<T>(action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (error) {
      throw asDiskError(error, this.path);
    }
  }
}

/** Returns the path of the bytes of an unfinished transfer to `target`. */
export function partPath(target: string): string {
  return `${target}.part`;
}

async function closeSynced(handle: FileHandle): Promise<void> {
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
