import { readFile } from 'node:fs/promises';
import sharp from 'sharp';
import { ReigniteError } from '../errors.js';
import { replaceFile } from '../files/atomic-write.js';
/**
 * Writes label values as a plain 8-bit grey PNG: no palette, no alpha, so that every reader sees the values.
 * The same labels give the same bytes.
 *
 * @throws ReigniteError NO_SPACE, NOT_WRITABLE.
 */
export async function encodeLabels(path, image) {
    await encode(path, image, 'b-w', 6);
}
/**
 * Writes a 16-bit grey PNG (big-endian samples, as PNG has them).
 *
 * @throws ReigniteError NO_SPACE, NOT_WRITABLE.
 */
export async function encodeGrey16(path, image) {
    await encode(path, image, 'grey16', 3);
}
/** Writes the 8-bit grey PNG of files of raw bytes. */
export async function encodeLabelsFromFiles(path, { width, height, parts }) {
    await encodeLabels(path, { width, height, data: await readParts(parts, width * height) });
}
/** Writes the 16-bit grey PNG of files of raw little-endian samples. */
export async function encodeGrey16FromFiles(path, { width, height, parts }) {
    const bytes = await readParts(parts, width * height * Uint16Array.BYTES_PER_ELEMENT);
    await encodeGrey16(path, { width, height, data: new Uint16Array(bytes.buffer) });
}
async function readParts(parts, length) {
    const bytes = new Uint8Array(length);
    let at = 0;
    for (const part of parts) {
        const content = await readFile(part);
        if (at + content.length <= length)
            bytes.set(content, at);
        at += content.length;
    }
    if (at === length)
        return bytes;
    throw new ReigniteError('INTERNAL', `The files ${parts.join(', ')} hold ${at} bytes instead of ${length}.`);
}
async function encode(path, { width, height, data }, space, compressionLevel) {
    if (data.length !== width * height) {
        throw new RangeError(`Expected ${width} x ${height} samples for ${path}, got ${data.length}`);
    }
    const raw = { width, height, channels: 1 };
    const png = { compressionLevel, adaptiveFiltering: false, palette: false };
    await replaceFile(path, async (temporary) => {
        await sharp(data, { raw, limitInputPixels: 2 ** 31 })
            .toColourspace(space)
            .png(png)
            .toFile(temporary);
    });
}
