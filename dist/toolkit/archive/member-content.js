import { promisify } from 'node:util';
import { inflateRaw } from 'node:zlib';
import { ReigniteError } from '../errors.js';
import { asArchiveError } from './open-archive.js';
/** Up to here a member is taken in one piece: far quicker than a stream, and it goes beside others. In bytes. */
const ONE_PIECE = 4 * 2 ** 20;
const STORED = 0;
const inflate = promisify(inflateRaw);
/**
 * The unpacked bytes of a member, in one piece or in many.
 *
 * @throws ReigniteError ARCHIVE_CORRUPT or ARCHIVE_UNSAFE: what fails here is the archive's fault, not that of the disk
 *   the bytes go to.
 */
export async function* contentOf(archive, member) {
    const { path, zip } = archive;
    const { entry, name } = member;
    try {
        if (Math.max(entry.compressedSize, entry.uncompressedSize) <= ONE_PIECE)
            yield await inOnePiece(archive, member);
        else
            for await (const chunk of await zip.openReadStreamPromise(entry))
                yield chunk;
    }
    catch (error) {
        throw asArchiveError(error, path, name);
    }
}
async function inOnePiece({ path, file }, { entry, name, dataStart }) {
    const { compressedSize, uncompressedSize, compressionMethod } = entry;
    const packed = Buffer.allocUnsafe(compressedSize);
    const { bytesRead } = await file.read(packed, 0, compressedSize, dataStart);
    if (bytesRead < compressedSize) {
        throw new ReigniteError('ARCHIVE_CORRUPT', `${path}, member ${JSON.stringify(name)}: was cut off.`);
    }
    if (compressionMethod === STORED)
        return packed;
    // A limit of 0 is taken for none.
    return inflate(packed, { maxOutputLength: Math.max(1, uncompressedSize) });
}
