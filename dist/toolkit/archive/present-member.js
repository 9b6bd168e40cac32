import { createReadStream } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { MemberDigests } from './member-digests.js';
/**
 * SHA-256 of the file at `place` when it is the member, by size and CRC-32; undefined when it is not, or is not there.
 *
 * @param onBytes - Called with the bytes read so far.
 */
export async function sha256WhenRight(place, member, signal, onBytes) {
    const entry = await lstat(place).catch(() => undefined);
    if (!entry?.isFile() || entry.size !== member.size)
        return undefined;
    const digests = new MemberDigests();
    for await (const chunk of createReadStream(place, { highWaterMark: 1 << 20 })) {
        signal?.throwIfAborted();
        digests.update(chunk);
        onBytes?.(digests.size);
    }
    return digests.crc32 === member.crc32 ? digests.sha256() : undefined;
}
