import { createReadStream, createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { replaceFile } from '../files/atomic-write.js';
import { inside } from '../files/inside.js';
import { digestsOfFile } from './file-digests.js';
/**
 * Looks for a file of the record in a folder that somebody has filled before. One of another size or another MD5 is
 * none of the record's. The folder is only read.
 *
 * @param onBytes - Called while it is read.
 */
export async function findInMirror(mirror, file, signal, onBytes) {
    const path = inside(mirror, file.key);
    const found = await stat(path).catch(() => undefined);
    if (!found?.isFile() || found.size !== file.size)
        return undefined;
    const digests = await digestsOfFile(path, signal, onBytes);
    return digests.md5 === file.md5 ? { path, ...digests } : undefined;
}
/** Copies a file to its place. */
export async function copyFromMirror(source, place, signal) {
    await replaceFile(place, (temporary) => pipeline(createReadStream(source), createWriteStream(temporary, { flags: 'wx', flush: true }), { signal }));
}
