import { readSync } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { ReigniteError } from '../../errors.ts';
import type { ByteSource } from '../pickle/byte-reader.ts';
import type { SeenGlobal } from '../pickle/global-verdict.ts';
import type { PickleValue } from '../pickle/value.ts';

/** Maximum that Linux reads in one call. */
const MAX_READ_BYTES = 2 ** 30;

/** An open file, read by position. The caller must close it. */
export class FileSource implements ByteSource {
  readonly path: string;
  readonly byteLength: number;
  readonly #handle: FileHandle;

  private constructor(path: string, byteLength: number, handle: FileHandle) {
    this.path = path;
    this.byteLength = byteLength;
    this.#handle = handle;
  }

  /** @throws ReigniteError FILE_MISSING if there is no such file or it is not readable. */
  static async open(path: string): Promise<FileSource> {
    try {
      // Before opening, because opening a pipe would wait for its writer.
      if (!(await stat(path)).isFile()) throw new ReigniteError('FILE_MISSING', `${path} is not a file.`);
      const handle = await open(path, 'r');
      return new FileSource(path, (await handle.stat()).size, handle);
    } catch (error) {
      if (error instanceof ReigniteError) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      throw new ReigniteError('FILE_MISSING', `${path} cannot be opened: ${reason}.`, { cause: error });
    }
  }

  readSync(offset: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const count = readSync(this.#handle.fd, bytes, done, Math.min(length - done, MAX_READ_BYTES), offset + done);
      if (count === 0) throw this.#shrunk();
      done += count;
    }
    return bytes;
  }

  /** Reads bytes into a separate, aligned buffer. */
  async read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    if (offset + length > this.byteLength) throw this.#shrunk();
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const { bytesRead } = await this.#handle.read(
        bytes,
        done,
        Math.min(length - done, MAX_READ_BYTES),
        offset + done,
      );
      if (bytesRead === 0) throw this.#shrunk();
      done += bytesRead;
    }
    return bytes;
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  #shrunk(): ReigniteError {
    return new ReigniteError('CHECKPOINT_CORRUPT', `${this.path} is truncated.`);
  }
}

/** Where the bytes of a storage are in the file. */
export interface StoredBytes {
  readonly offset: number;
  readonly byteLength: number;
  /** CRC-32 of the bytes, if the container has one. */
  readonly crc32: number | undefined;
}

/** Content of a container: the pickled object, the names it imports, and the positions of the storages. */
export interface CheckpointContents {
  readonly format: 'zip' | 'stream' | 'pickle' | 'safetensors';
  readonly root: PickleValue;
  readonly globals: readonly SeenGlobal[];
  /** Every storage that the object refers to, by key. */
  readonly storages: ReadonlyMap<string, StoredBytes>;
}
