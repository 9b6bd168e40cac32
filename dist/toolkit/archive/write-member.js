import { existsSync } from 'node:fs';
import { lstat, open, rename } from 'node:fs/promises';
import { ReigniteError } from '../errors.js';
import { replaceFile } from '../files/atomic-write.js';
import { contentOf } from './member-content.js';
import { MemberDigests } from './member-digests.js';
/**
 * Writes a member beside its place, checks it by size and CRC-32, and renames it. What is in its place and is another
 * file is moved aside (`<name>.wrong-1`), never deleted.
 *
 * @returns SHA-256 of the member.
 * @throws ReigniteError ARCHIVE_CORRUPT, ARCHIVE_UNSAFE, NO_SPACE, NOT_WRITABLE; the signal's reason when aborted.
 */
export async function writeMember(archive, member, place, { signal, onBytes }) {
    const digests = new MemberDigests();
    try {
        await replaceFile(place, async (temporary) => {
            const handle = await open(temporary, 'wx');
            try {
                for await (const chunk of contentOf(archive, member)) {
                    signal?.throwIfAborted();
                    digests.update(chunk);
                    await writeAll(handle, chunk);
                    onBytes(digests.size);
                }
                checkContent(archive.path, member, digests);
                await handle.sync();
            }
            finally {
                await handle.close();
            }
            signal?.throwIfAborted();
            await moveAside(place);
        });
    }
    catch (error) {
        throw asObstacle(error, place) ?? error;
    }
    return digests.sha256();
}
/** One write may take less than it was given, as it does on a disk that fills up. */
async function writeAll(handle, bytes) {
    for (let done = 0; done < bytes.length;) {
        done += (await handle.write(bytes, done, bytes.length - done)).bytesWritten;
    }
}
/** A folder stays: the rename onto it then fails. */
async function moveAside(place) {
    const found = await lstat(place).catch(() => undefined);
    if (found === undefined || found.isDirectory())
        return;
    let n = 1;
    while (existsSync(`${place}.wrong-${n}`))
        n++;
    await rename(place, `${place}.wrong-${n}`);
}
/** A folder where a file is to be, or the other way round, is the user's: it is not moved. */
function asObstacle(error, place) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code !== 'EISDIR' && code !== 'ENOTDIR' && code !== 'EEXIST' && code !== 'ENOTEMPTY')
        return undefined;
    return new ReigniteError('NOT_WRITABLE', `${place} cannot be written: something else is in its place.`, {
        cause: error,
    });
}
function checkContent(archive, { entry, name }, { size, crc32 }) {
    if (size === entry.uncompressedSize && crc32 === entry.crc32)
        return;
    const hex = (value) => value.toString(16).padStart(8, '0');
    throw new ReigniteError('ARCHIVE_CORRUPT', `${archive}, member ${JSON.stringify(name)}: ${size} bytes with CRC-32 ${hex(crc32)} came out, ` +
        `${entry.uncompressedSize} with ${hex(entry.crc32)} are stated.`);
}
