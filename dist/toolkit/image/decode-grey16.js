import { openImage, readRaw, unreadable } from './open-image.js';
/**
 * Decodes a 16-bit grey image, such as a margin map.
 *
 * @throws ReigniteError FILE_MISSING, IMAGE_UNREADABLE.
 */
export async function decodeGrey16(path) {
    const { pipeline, width, height, header } = await openImage(path);
    if (header.depth !== 'ushort' || header.channels !== 1)
        throw unreadable(path, 'it is not 16-bit grey');
    const { data } = await readRaw(path, pipeline.toColourspace('grey16').raw({ depth: 'ushort' }));
    return { width, height, data: new Uint16Array(data.buffer, data.byteOffset, width * height) };
}
