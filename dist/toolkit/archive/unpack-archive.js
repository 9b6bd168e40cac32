import { lstat, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { asDiskError } from '../files/atomic-write.js';
import { ensureFreeSpace } from '../files/free-space.js';
import { inLanes } from '../files/in-lanes.js';
import { checkedMembers, memberOf, } from './list-archive.js';
import { withArchive } from './open-archive.js';
import { sha256WhenRight } from './present-member.js';
import { removeLeftovers } from './remove-leftovers.js';
import { writeMember } from './write-member.js';
/** Members on their way at the same time: one is inflated while another is read, hashed or written. */
const LANES = 4;
/**
 * Unpacks a zip (64-bit ones too) into `target/root`. The whole directory is checked before the first byte is
 * written; every member is checked by size and CRC-32 before it gets its name, and one that is there already with both
 * right is kept, so that an attempt goes on where the last one ended. Memory does not grow with the archive.
 *
 * @returns The files in the order of the archive, `path` relative to `target`; `bytes`, all of them together.
 * @throws ReigniteError ARCHIVE_UNSAFE or ARCHIVE_CORRUPT naming archive and member; FILE_MISSING; NO_SPACE, before the
 *   first byte where the disk is too small; NOT_WRITABLE. The signal's reason when aborted.
 */
export async function unpackArchive(options) {
    const { archive: path, target, signal, onProgress } = options;
    return withArchive(path, async (archive) => {
        const { files: members, folders } = await checkedMembers(archive, options);
        const placeOf = (name) => join(target, ...name.split('/'));
        const total = members.reduce((sum, { entry }) => sum + entry.uncompressedSize, 0);
        await removeLeftovers(members.map((member) => placeOf(member.path)));
        await ensureFreeSpace(target, total - (await bytesPresent(members, placeOf)));
        const progress = new MemberProgress(total, onProgress);
        const files = await inLanes(members, LANES, signal, (member) => unpackMember(archive, member, placeOf(member.path), signal, progress.ofMember()));
        for (const folder of folders)
            await makeFolder(placeOf(folder));
        return { files, bytes: total };
    });
}
/** Sums the members that are on their way at the same time. */
class MemberProgress {
    #total;
    #tell;
    #bytes = 0;
    constructor(total, tell) {
        this.#total = total;
        this.#tell = tell;
    }
    /** @returns To be called with the bytes of that member so far; fewer when it is begun again. */
    ofMember() {
        let before = 0;
        return (bytes) => {
            this.#bytes += bytes - before;
            before = bytes;
            this.#tell?.(this.#bytes, this.#total);
        };
    }
}
async function unpackMember(archive, member, place, signal, onBytes) {
    const sha256 = (await sha256WhenRight(place, memberOf(member), signal, onBytes)) ??
        (await writeMember(archive, member, place, { signal, onBytes }));
    return { ...memberOf(member), sha256 };
}
/** What need not be written any more, by sizes alone: what turns out to be wrong is moved aside and written again. */
async function bytesPresent(members, placeOf) {
    let bytes = 0;
    for (const { entry, path } of members) {
        const found = await lstat(placeOf(path)).catch(() => undefined);
        if (found?.isFile() && found.size === entry.uncompressedSize)
            bytes += found.size;
    }
    return bytes;
}
async function makeFolder(path) {
    try {
        await mkdir(path, { recursive: true });
    }
    catch (error) {
        throw asDiskError(error, path);
    }
}
