import { readSync } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { ReigniteError } from '../errors.js';
/** Linux reads at most this at once. */
const LARGEST_READ = 2 ** 30;
/** An open file, read by position. Close it. */
export class FileSource {
    path;
    byteLength;
    #handle;
    constructor(path, byteLength, handle) {
        this.path = path;
        this.byteLength = byteLength;
        this.#handle = handle;
    }
    /** @throws ReigniteError FILE_MISSING when there is no such file or it may not be read. */
    static async open(path) {
        try {
            // Before opening: to open a pipe would wait for its writer.
            if (!(await stat(path)).isFile())
                throw new ReigniteError('FILE_MISSING', `${path} is not a file.`);
            const handle = await open(path, 'r');
            return new FileSource(path, (await handle.stat()).size, handle);
        }
        catch (error) {
            if (error instanceof ReigniteError)
                throw error;
            const reason = error instanceof Error ? error.message : String(error);
            throw new ReigniteError('FILE_MISSING', `${path} cannot be opened: ${reason}.`, { cause: error });
        }
    }
    readSync(offset, length) {
        const bytes = new Uint8Array(length);
        for (let done = 0; done < length;) {
            const count = readSync(this.#handle.fd, bytes, done, Math.min(length - done, LARGEST_READ), offset + done);
            if (count === 0)
                throw this.#shrunk();
            done += count;
        }
        return bytes;
    }
    /** The bytes in a buffer of their own, which begins at an aligned place. */
    async read(offset, length) {
        if (offset + length > this.byteLength)
            throw this.#shrunk();
        const bytes = new Uint8Array(length);
        for (let done = 0; done < length;) {
            const { bytesRead } = await this.#handle.read(bytes, done, Math.min(length - done, LARGEST_READ), offset + done);
            if (bytesRead === 0)
                throw this.#shrunk();
            done += bytesRead;
        }
        return bytes;
    }
    async close() {
        await this.#handle.close();
    }
    #shrunk() {
        return new ReigniteError('CHECKPOINT_CORRUPT', `${this.path} ends before the data that it announces.`);
    }
}
