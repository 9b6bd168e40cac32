import { closeSync, openSync, readSync } from 'node:fs';
import { crc32 } from 'node:zlib';
const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
/** Of the header chunk behind the signature: length (4 bytes), type and content (17), CRC-32 of these (4). */
const TYPE_AT = 12;
const CRC_AT = 29;
const HEADER_BYTES = 33;
/**
 * Width and height of a PNG in px from its first 33 bytes: a fifth of the time that opening it as an image takes, which
 * counts where there are very many.
 *
 * @returns Undefined for what is no PNG with a sound header, or cannot be read.
 */
export function pngSize(path) {
    const header = firstBytes(path, HEADER_BYTES);
    if (header === undefined || !header.subarray(0, SIGNATURE.length).equals(SIGNATURE))
        return undefined;
    if (header.toString('latin1', TYPE_AT, TYPE_AT + 4) !== 'IHDR')
        return undefined;
    if (crc32(header.subarray(TYPE_AT, CRC_AT)) !== header.readUInt32BE(CRC_AT))
        return undefined;
    const [width, height] = [header.readUInt32BE(TYPE_AT + 4), header.readUInt32BE(TYPE_AT + 8)];
    return width > 0 && height > 0 ? { width, height } : undefined;
}
function firstBytes(path, length) {
    let descriptor;
    try {
        descriptor = openSync(path, 'r');
        const bytes = Buffer.alloc(length);
        return readSync(descriptor, bytes, 0, length, 0) === length ? bytes : undefined;
    }
    catch {
        return undefined;
    }
    finally {
        if (descriptor !== undefined)
            closeSync(descriptor);
    }
}
