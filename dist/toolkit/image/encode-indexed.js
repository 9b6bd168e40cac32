import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { crc32, createDeflate } from 'node:zlib';
import { replaceFile } from '../files/atomic-write.js';
const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
const COLOUR_TYPE_INDEXED = 3;
const ROWS_AT_ONCE = 64;
/**
 * Writes label values as a PNG with a palette: the index of a pixel is its label, and every viewer shows its colour.
 * Image libraries sort a palette as they like; here entry n is the colour of label n.
 *
 * @param labels - height x width values, row by row.
 * @param palette - Colour of every label from 0 on; labels beyond are not allowed. At most 256.
 * @throws ReigniteError NO_SPACE, NOT_WRITABLE.
 * @see PNG (Third Edition), sections 5 and 11
 */
export async function encodeIndexed(path, { width, height, data }, palette) {
    if (data.length !== width * height)
        throw new RangeError(`Expected ${width * height} labels, got ${data.length}`);
    await replaceFile(path, async (temporary) => {
        const compressed = createDeflate({ level: 6 });
        const target = createWriteStream(temporary, { flags: 'wx' });
        const filled = pipeline(Readable.from(scanlines(data, width, height)), compressed);
        await pipeline(Readable.from(chunks(header(width, height), palette, compressed)), target);
        await filled;
    });
}
async function* chunks(head, palette, pixels) {
    yield SIGNATURE;
    yield chunk('IHDR', head);
    yield chunk('PLTE', Uint8Array.from(palette.flat()));
    for await (const part of pixels)
        yield chunk('IDAT', part);
    yield chunk('IEND', new Uint8Array(0));
}
function header(width, height) {
    const bytes = Buffer.alloc(13);
    bytes.writeUInt32BE(width, 0);
    bytes.writeUInt32BE(height, 4);
    bytes.set([8, COLOUR_TYPE_INDEXED, 0, 0, 0], 8);
    return bytes;
}
/** Rows with filter 0, as the specification advises for indices: their differences mean nothing. */
function* scanlines(data, width, height) {
    for (let from = 0; from < height; from += ROWS_AT_ONCE) {
        const rows = Math.min(ROWS_AT_ONCE, height - from);
        const lines = new Uint8Array(rows * (width + 1));
        for (let row = 0; row < rows; row++) {
            const at = (from + row) * width;
            lines.set(data.subarray(at, at + width), row * (width + 1) + 1);
        }
        yield lines;
    }
}
/** Length, type, bytes, and a CRC-32 of type and bytes. */
function chunk(type, bytes) {
    const framed = Buffer.alloc(12 + bytes.length);
    framed.writeUInt32BE(bytes.length, 0);
    framed.write(type, 4, 'latin1');
    framed.set(bytes, 8);
    framed.writeUInt32BE(crc32(framed.subarray(4, 8 + bytes.length)), 8 + bytes.length);
    return framed;
}
