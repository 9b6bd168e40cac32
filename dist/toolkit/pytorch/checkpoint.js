import { crc32 } from 'node:zlib';
import { ReigniteError } from '../errors.js';
import { FileSource } from './file-source.js';
import { PickleContext } from './pickle-context.js';
import { readStreamContainer } from './stream-container.js';
import { spanOf, toFloat32 } from './tensor-elements.js';
import { readZipContainer } from './zip-container.js';
const ZIP_MAGIC = 0x04034b50;
const PIECE_BYTES = 4 * 2 ** 20;
/**
 * Opens a file of `torch.save`, of either format, or a bare pickle. Nothing in it is executed.
 * The pickle is read now; of the storages, only that they are there and have the size announced.
 *
 * @throws ReigniteError FILE_MISSING; CHECKPOINT_CORRUPT for a file no writer makes; CHECKPOINT_UNSUPPORTED for
 *   one that may be sound but is not read (an opcode, an element type, a limit); CHECKPOINT_UNSAFE for one that
 *   imports a name that could run code.
 * @see torch/serialization.py of PyTorch 2.5 for both formats
 */
export async function openCheckpoint(path, options = {}) {
    const source = await FileSource.open(path);
    try {
        const context = new PickleContext(source.path, options.inspect ?? false, options.onGlobal);
        const contents = isZip(source) ? await readZipContainer(source, context) : readStreamContainer(source, context);
        return new OpenedCheckpoint(source, contents);
    }
    catch (error) {
        await source.close();
        throw error;
    }
}
function isZip(source) {
    return source.byteLength >= 4 && Buffer.from(source.readSync(0, 4)).readUInt32LE() === ZIP_MAGIC;
}
class OpenedCheckpoint {
    path;
    format;
    root;
    globals;
    #source;
    #storages;
    #verified = new Set();
    constructor(source, contents) {
        this.path = source.path;
        this.format = contents.format;
        this.root = contents.root;
        this.globals = contents.globals;
        this.#source = source;
        this.#storages = contents.storages;
    }
    async readFloat32(tensor) {
        const { key, byteOffset } = tensor.storage;
        const stored = this.#storages.get(key);
        if (stored === undefined)
            throw new ReigniteError('CHECKPOINT_CORRUPT', `${this.path} has no storage ${key}.`);
        const span = spanOf(tensor);
        await this.#verify(key, stored);
        const bytes = await this.#source.read(stored.offset + byteOffset + span.offset, span.byteLength);
        return toFloat32(tensor, bytes);
    }
    async close() {
        await this.#source.close();
    }
    /** Compares a storage with its CRC-32, once, piece by piece: it may be larger than the tensor wanted. */
    async #verify(key, stored) {
        if (stored.crc32 === undefined || this.#verified.has(key))
            return;
        let sum = 0;
        for (let done = 0; done < stored.byteLength; done += PIECE_BYTES) {
            const length = Math.min(PIECE_BYTES, stored.byteLength - done);
            sum = crc32(await this.#source.read(stored.offset + done, length), sum);
        }
        if (sum !== stored.crc32) {
            throw new ReigniteError('CHECKPOINT_CORRUPT', `Storage ${key} of ${this.path} does not match its CRC-32.`);
        }
        this.#verified.add(key);
    }
}
