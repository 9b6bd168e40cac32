import { existsSync } from 'node:fs';
import { type FileHandle, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { z } from 'zod';
import { writeFileAtomic } from '../../files/atomic-write.ts';
import { asDiskError } from '../../files/disk-error.ts';
import { sweepTemporaries } from '../../files/temporary-files.ts';

/** Bytes that may wait while others are written. */
const MAX_WAITING = 4 * 2 ** 20;
/** What is written is sent to the disk meanwhile, so that the end need not wait for all of it. In bytes. */
const SYNC_EVERY = 64 * 2 ** 20;

/**
 * Writes chunks one after the other, without waiting for each: what comes while the disk is busy goes with the next
 * write. A slow network sees every chunk written at once, a fast one few large writes.
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

  /** @throws What an earlier write threw. */
  async add(chunk: Buffer): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    this.#waiting.push(chunk);
    this.#waitingBytes += chunk.length;
    this.#writing ??= this.#drain();
    if (this.#waitingBytes > MAX_WAITING) await this.#writing;
  }

  /**
   * Returns when all chunks are written.
   *
   * @throws What a write threw.
   */
  async end(): Promise<void> {
    await this.#writing;
    await this.#syncing;
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Never rejects: the failure is thrown to the next who calls. */
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
      // One write may take less than it was given, as it does on a disk that fills up.
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
  /** Whether it was restarted because the bytes of an earlier time were wrong. */
  again: z.boolean().optional(),
  /** Consecutive replies that did not continue these bytes. */
  rangeMismatches: z.number().optional(),
});

/** Whose bytes a partial file holds, and which version of them. */
export type PartState = z.infer<typeof State>;

/** Called with what happens to the file. */
export interface PartWatcher {
  /** Sets the number of bytes on disk. */
  onLength(length: number): void;
  /** The file was emptied. */
  onBegin(): void;
}

/**
 * The bytes of a transfer that has not ended: `<path>.part`, and next to it `<path>.part.json`, which says what they
 * are part of. How far the transfer got is the length of the file, never a stored number.
 */
export class PartFile {
  readonly path: string;
  readonly #statePath: string;
  readonly #watcher: PartWatcher | undefined;

  /** @param target - Where the whole file will be. */
  constructor(target: string, watcher?: PartWatcher) {
    this.path = partPath(target);
    this.#statePath = `${target}.part.json`;
    this.#watcher = watcher;
  }

  /** Bytes on disk; 0 when there is no such file. */
  async length(): Promise<number> {
    try {
      return (await stat(this.path)).size;
    } catch {
      return 0;
    }
  }

  /** Whether anything of a transfer is there. */
  isBegun(): boolean {
    return existsSync(this.path) || existsSync(this.#statePath);
  }

  /** Undefined when there is no state, or none that can be read. */
  async state(): Promise<PartState | undefined> {
    try {
      return State.parse(JSON.parse(await readFile(this.#statePath, 'utf8')));
    } catch {
      return undefined;
    }
  }

  /** Empties the file and notes what is going to be in it. The note is there before the first byte. */
  async begin(state: PartState): Promise<void> {
    await this.remove();
    await this.note(state);
    await this.#disk(async () => (await open(this.path, 'w')).close());
    this.#watcher?.onBegin();
  }

  /** Replaces what is noted about the bytes. */
  async note(state: PartState): Promise<void> {
    await writeFileAtomic(this.#statePath, `${JSON.stringify(state)}\n`);
  }

  /**
   * Adds chunks at `position`, as they come, and makes sure that they are on disk: what came before an error is
   * written too.
   *
   * @param most - No byte is written from here on: a longer file is wrong already.
   * @returns Length of the file now, at most `most + 1` even if more came.
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

  /** Gives the file its place, and makes sure that the name is on disk too. */
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

/** Where the bytes of an unfinished transfer to `target` are. */
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
