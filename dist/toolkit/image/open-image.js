import { access } from 'node:fs/promises';
import sharp, {} from 'sharp';
import { ReigniteError } from '../errors.js';
import { pngSize } from './png-size.js';
// The library's cache would give a file's old pixels after another file took its name, and holds memory.
sharp.cache(false);
const MOST_PIXELS = 2 ** 31;
/**
 * Opens an image so that pixels come out as the file stores them: no colour management, no rotation.
 *
 * @throws ReigniteError FILE_MISSING, or IMAGE_UNREADABLE when the header is none that we know.
 */
export async function openImage(path) {
    try {
        await access(path);
    }
    catch (error) {
        throw new ReigniteError('FILE_MISSING', `There is no image ${path}.`, { cause: error });
    }
    try {
        const pipeline = sharp(path, { ignoreIcc: true, limitInputPixels: MOST_PIXELS });
        const header = await pipeline.metadata();
        return { pipeline, width: header.width, height: header.height, header };
    }
    catch (error) {
        throw unreadable(path, error);
    }
}
/** Decodes the whole image. */
export async function readRaw(path, pipeline) {
    try {
        const { data, info } = await pipeline.toBuffer({ resolveWithObject: true });
        return { data, channels: info.channels };
    }
    catch (error) {
        throw unreadable(path, error);
    }
}
/** IMAGE_UNREADABLE that names the file and what is wrong with it. */
export function unreadable(path, reason) {
    const text = reason instanceof Error ? reason.message : String(reason);
    return new ReigniteError('IMAGE_UNREADABLE', `The image ${path} cannot be read: ${oneLine(text)}.`, {
        cause: reason,
    });
}
function oneLine(text) {
    return text
        .trim()
        .replaceAll(/\s*\n\s*/g, '; ')
        .replace(/\.$/, '');
}
/**
 * Width and height of an image in px, from its header alone.
 *
 * @throws ReigniteError FILE_MISSING, IMAGE_UNREADABLE.
 */
export async function imageSize(path) {
    const { width, height } = pngSize(path) ?? (await openImage(path));
    return { width, height };
}
