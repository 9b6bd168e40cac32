import { mkdir, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ReigniteError } from '../errors.js';
import { replaceFile } from '../files/atomic-write.js';
import { openImage, unreadable } from '../image/open-image.js';
/** µm a px of the images that the paper's models were trained on. */
export const MODEL_MPP = 0.5;
/** What one image may differ from it without another word: a twentieth. */
const NEAR = 0.05;
const FORMATS = new Set(['png', 'jpeg', 'tiff']);
/** An image without a scale within these bounds is one whose scale was mistyped. */
const MOST_SIDE = 100_000;
/**
 * Reads the header of an image that is to be predicted.
 *
 * @throws ReigniteError FILE_MISSING, or IMAGE_UNREADABLE for anything but PNG, JPEG and TIFF.
 */
export async function readInput(path) {
    const { width, height, header } = await openImage(path);
    const format = header.format ?? 'unknown';
    if (!FORMATS.has(format)) {
        throw new ReigniteError('IMAGE_UNREADABLE', `The image ${path} is of the format ${format}.`, {
            remedy: 'Save it as PNG, JPEG or TIFF.',
        });
    }
    return { path, width, height, notes: notesOn(header) };
}
function notesOn({ pages }) {
    return pages === undefined || pages < 2 ? [] : [`The first of its ${pages} pages was read.`];
}
/** The size that an image of `mpp` µm a px has at the resolution of the models. */
export function sizeAtModel({ path, width, height }, mpp) {
    const factor = mpp / MODEL_MPP;
    const size = { width: Math.max(1, Math.round(width * factor)), height: Math.max(1, Math.round(height * factor)) };
    if (Math.max(size.width, size.height) <= MOST_SIDE)
        return size;
    throw new ReigniteError('USAGE', `${path} would have ${size.width} x ${size.height} px at ${MODEL_MPP} µm/px.`, {
        remedy: 'Check --mpp: it is the side of one pixel in µm.',
    });
}
/** Whether images of `mpp` µm a px are those that the models know. */
export function suitsModels(mpp) {
    return Math.abs(mpp / MODEL_MPP - 1) <= NEAR;
}
/**
 * Writes an image at another size (Lanczos), with the pixels that the networks would see: no colour profile, no alpha.
 *
 * @throws ReigniteError IMAGE_UNREADABLE, NO_SPACE, NOT_WRITABLE.
 */
export async function resample(path, size, out) {
    const { pipeline } = await openImage(path);
    await mkdir(dirname(out), { recursive: true });
    await rm(out, { force: true });
    await replaceFile(out, async (temporary) => {
        const resized = pipeline
            .removeAlpha()
            .toColourspace('srgb')
            .resize({ ...size, fit: 'fill', kernel: 'lanczos3' });
        try {
            await resized.png({ compressionLevel: 1 }).toFile(temporary);
        }
        catch (error) {
            throw unreadable(path, error);
        }
    });
}
