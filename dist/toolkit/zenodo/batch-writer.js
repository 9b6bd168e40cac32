/** Bytes that may wait while others are written. */
const MOST_WAITING = 4 * 2 ** 20;
/** What is written is sent to the disk meanwhile, so that the end need not wait for all of it. In bytes. */
const SYNC_EVERY = 64 * 2 ** 20;
/**
 * Writes chunks one after the other, without waiting for each: what comes while the disk is busy goes with the next
 * write. A slow network sees every chunk written at once, a fast one few large writes.
 */
export class BatchWriter {
    #handle;
    #onLength;
    #written;
    #synced;
    #waiting = [];
    #waitingBytes = 0;
    #writing;
    #syncing;
    #failure;
    /** @param onLength - Called with the length of the file after every write. */
    constructor(handle, position, onLength) {
        this.#handle = handle;
        this.#written = position;
        this.#synced = position;
        this.#onLength = onLength;
    }
    /** @throws What an earlier write threw. */
    async add(chunk) {
        if (this.#failure !== undefined)
            throw this.#failure;
        this.#waiting.push(chunk);
        this.#waitingBytes += chunk.length;
        this.#writing ??= this.#drain();
        if (this.#waitingBytes > MOST_WAITING)
            await this.#writing;
    }
    /**
     * Returns when all chunks are written.
     *
     * @throws What a write threw.
     */
    async end() {
        await this.#writing;
        await this.#syncing;
        if (this.#failure !== undefined)
            throw this.#failure;
    }
    /** Never rejects: the failure is thrown to the next who calls. */
    async #drain() {
        try {
            while (this.#waiting.length > 0) {
                const batch = this.#waiting;
                this.#waiting = [];
                this.#waitingBytes = 0;
                await this.#write(batch);
            }
        }
        catch (error) {
            this.#failure = error;
        }
        this.#writing = undefined;
    }
    async #write(batch) {
        let bytes = batch;
        for (;;) {
            const { bytesWritten } = await this.#handle.writev(bytes, this.#written);
            this.#written += bytesWritten;
            this.#onLength(this.#written);
            const total = bytes.reduce((sum, { length }) => sum + length, 0);
            // One write may take less than it was given, as it does on a disk that fills up.
            if (bytesWritten === total)
                break;
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
