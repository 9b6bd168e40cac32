import { fromRandomAccessReaderPromise } from 'yauzl';
import { ReigniteError } from '../errors.js';
import { LIMITS } from './limits.js';
import { ZipFileReader } from './zip-file-reader.js';
const ENCRYPTED = 0x1;
const STORED = 0;
/** The entries of a checkpoint's zip, by their name within the one root folder. */
export class ZipEntries {
    #source;
    #context;
    #reader;
    #zip;
    #entries;
    constructor(source, context, reader, zip, entries) {
        this.#source = source;
        this.#context = context;
        this.#reader = reader;
        this.#zip = zip;
        this.#entries = entries;
    }
    /**
     * Reads the central directory.
     *
     * @throws ReigniteError CHECKPOINT_CORRUPT for names that leave the one root folder or occur twice, and for sizes
     *   that do not fit; CHECKPOINT_UNSUPPORTED for compressed or encrypted entries.
     */
    static async open(source, context) {
        const reader = new ZipFileReader(source);
        try {
            return await Promise.race([reader.failure, ZipEntries.#read(reader, source, context)]);
        }
        catch (error) {
            throw asCorrupt(error, context);
        }
    }
    static async #read(reader, source, context) {
        const options = { strictFileNames: true, validateEntrySizes: false, autoClose: false };
        const zip = await fromRandomAccessReaderPromise(reader, source.byteLength, options);
        if (zip.entryCount > LIMITS.zipEntries)
            throw context.unsupported(`it has ${zip.entryCount} entries`);
        const entries = new Map();
        let root;
        for await (const entry of zip.eachEntry()) {
            const [folder, name] = splitName(entry, context);
            root ??= folder;
            if (folder !== root)
                throw context.corrupt(`it has two root folders, ${root} and ${folder}`);
            if (name.endsWith('/') || name === '')
                continue;
            checkEntry(entry, source.byteLength, context);
            if (entries.has(name))
                throw context.corrupt(`its entry ${entry.fileName} occurs twice`);
            entries.set(name, entry);
        }
        return new ZipEntries(source, context, reader, zip, entries);
    }
    has(name) {
        return this.#entries.has(name);
    }
    /** Where the content of an entry lies, from its local header. */
    async locate(name) {
        const entry = this.#entries.get(name);
        if (entry === undefined)
            throw this.#context.corrupt(`it has no entry ${name}`);
        try {
            const header = await Promise.race([this.#reader.failure, this.#zip.readLocalFileHeaderPromise(entry)]);
            if (!header.fileName.equals(entry.fileNameRaw) || header.compressionMethod !== STORED) {
                throw this.#context.corrupt(`the two headers of its entry ${entry.fileName} differ`);
            }
            if (header.fileDataStart + entry.uncompressedSize > this.#source.byteLength) {
                throw this.#context.corrupt(`its entry ${entry.fileName} is larger than the file`);
            }
            return { offset: header.fileDataStart, byteLength: entry.uncompressedSize, crc32: entry.crc32 };
        }
        catch (error) {
            throw asCorrupt(error, this.#context);
        }
    }
}
/** The root folder and the rest. yauzl has refused absolute names, `..` and backslashes. */
function splitName({ fileName, fileNameRaw }, context) {
    const parts = fileName.split('/');
    const inner = parts.slice(0, -1);
    const isPlain = inner.length > 0 && !inner.includes('') && !parts.includes('.') && !parts.includes('..');
    // An extra field may give another name, which other readers do not see.
    if (!isPlain || !Buffer.from(fileName).equals(fileNameRaw)) {
        throw context.corrupt(`its entry ${JSON.stringify(fileName.slice(0, 200))} is not named as PyTorch does`);
    }
    return [parts[0] ?? '', parts.slice(1).join('/')];
}
function checkEntry(entry, fileBytes, context) {
    if ((entry.generalPurposeBitFlag & ENCRYPTED) !== 0) {
        throw context.unsupported(`its entry ${entry.fileName} is encrypted`);
    }
    if (entry.compressionMethod !== STORED)
        throw context.unsupported(`its entry ${entry.fileName} is compressed`);
    if (entry.compressedSize !== entry.uncompressedSize || entry.compressedSize > fileBytes) {
        throw context.corrupt(`its entry ${entry.fileName} has a size that cannot be`);
    }
}
function asCorrupt(error, context) {
    if (error instanceof ReigniteError || !(error instanceof Error))
        return error;
    return context.corrupt(`its zip directory is wrong (${error.message})`, error);
}
