import { RandomAccessReader } from 'yauzl';
const WINDOW_BYTES = 4096;
/**
 * Lets yauzl read a file of ours. Its own reader passes the offsets of the zip to the system as they are,
 * and one beyond 2^63 (a hostile zip64 has it) throws where nobody can catch it; here it is an error like others.
 */
export class ZipFileReader extends RandomAccessReader {
    /** Rejects with what yauzl throws from within a callback, which would end the process otherwise. */
    failure;
    #source;
    #fail = () => undefined;
    #window = new Uint8Array(0);
    #windowStart = 0;
    constructor(source) {
        super();
        this.#source = source;
        this.failure = new Promise((_, reject) => {
            this.#fail = reject;
        });
        // Only some of the waits race with it.
        this.failure.catch(() => undefined);
    }
    read(buffer, offset, length, position, callback) {
        this.#bytes(position, length)
            .then((bytes) => {
            buffer.set(bytes, offset);
            callback(null, length);
        }, (error) => callback(error instanceof Error ? error : new Error(String(error))))
            .catch(this.#fail);
    }
    /** The directory is read in many small pieces that lie side by side: a window saves most of the reads. */
    async #bytes(position, length) {
        const { byteLength } = this.#source;
        if (!Number.isSafeInteger(position) || position < 0 || position + length > byteLength) {
            throw new RangeError(`${length} bytes at ${position} are beyond the end of the file`);
        }
        const start = position - this.#windowStart;
        if (start >= 0 && start + length <= this.#window.byteLength)
            return this.#window.subarray(start, start + length);
        const window = await this.#source.read(position, Math.min(Math.max(length, WINDOW_BYTES), byteLength - position));
        this.#window = window;
        this.#windowStart = position;
        return window.subarray(0, length);
    }
}
