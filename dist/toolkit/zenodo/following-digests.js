import { ReigniteError } from '../errors.js';
import { startThread } from '../files/start-thread.js';
import { digestsOfFile } from './file-digests.js';
/** Below it a file is hashed when it is whole: two threads would take longer to start. In bytes. */
const WORTH_THREADS = 16 * 2 ** 20;
/**
 * Hashes a file while it is being written: a thread for MD5 and one for SHA-256 read behind the writer, so that the
 * sums are there when the last byte is. What an earlier attempt left is read first.
 *
 * @param path - The file; it need not exist yet.
 * @param size - That it will have, in bytes.
 */
export function followFile(path, size) {
    return size < WORTH_THREADS ? new AtTheEnd(path) : new InThreads(path);
}
class AtTheEnd {
    #path;
    constructor(path) {
        this.#path = path;
    }
    onLength() { }
    onBegin() { }
    finish(_length, signal) {
        return digestsOfFile(this.#path, signal);
    }
    async close() { }
}
class InThreads {
    #shared = new SharedArrayBuffer(24);
    #signals = new Int32Array(this.#shared, 0, 2);
    #lengths = new BigInt64Array(this.#shared, 8, 2);
    #threads;
    #generation = 0;
    constructor(path) {
        this.#lengths[1] = -1n;
        this.#threads = ['md5', 'sha256'].map((algorithm) => new DigestThread(path, algorithm, this.#shared));
    }
    onLength(length) {
        Atomics.store(this.#lengths, 0, BigInt(length));
        this.#wake();
    }
    onBegin() {
        Atomics.store(this.#lengths, 0, 0n);
        Atomics.store(this.#lengths, 1, -1n);
        this.#generation += 1;
        Atomics.store(this.#signals, 1, this.#generation);
        this.#wake();
    }
    async finish(size, signal) {
        Atomics.store(this.#lengths, 0, BigInt(size));
        Atomics.store(this.#lengths, 1, BigInt(size));
        const digests = this.#threads.map((thread) => thread.digest(this.#generation, signal));
        this.#wake();
        const [md5 = '', sha256 = ''] = await Promise.all(digests);
        return { size, md5, sha256 };
    }
    async close() {
        Atomics.store(this.#signals, 1, -1);
        this.#wake();
        await Promise.all(this.#threads.map((thread) => thread.ended));
    }
    #wake() {
        Atomics.add(this.#signals, 0, 1);
        Atomics.notify(this.#signals, 0);
    }
}
class DigestThread {
    #worker;
    ended;
    #failed = () => undefined;
    #failure;
    constructor(path, algorithm, shared) {
        this.#worker = startThread('toolkit/zenodo/digest-thread.ts', {
            path,
            algorithm,
            shared,
        });
        this.#failure = new Promise((_resolve, reject) => {
            this.#failed = reject;
        });
        this.#failure.catch(() => undefined);
        this.#worker.on('error', (error) => {
            const reason = error instanceof Error ? error.message : String(error);
            this.#failed(new ReigniteError('INTERNAL', `${path} could not be hashed: ${reason}.`, { cause: error }));
        });
        this.ended = new Promise((resolve) => this.#worker.once('exit', () => resolve()));
    }
    /** Lower-case hex. */
    async digest(generation, signal) {
        let release = () => { };
        const answer = new Promise((resolve, reject) => {
            const onMessage = (message) => {
                if (message.generation === generation)
                    resolve(message.digest);
            };
            const onAbort = () => reject(signal?.reason);
            this.#worker.on('message', onMessage);
            signal?.addEventListener('abort', onAbort);
            release = () => {
                this.#worker.off('message', onMessage);
                signal?.removeEventListener('abort', onAbort);
            };
            if (signal?.aborted)
                onAbort();
        });
        try {
            return await Promise.race([answer, this.#failure]);
        }
        finally {
            release();
        }
    }
}
