import sharp from 'sharp';
import { HE_LABELS, NO_LABEL_COLOUR } from '../../dataset/he-labels.js';
import { openImage, unreadable } from '../../image/open-image.js';
import { NOT_PREDICTED } from '../../nnunet/tile-scope.js';
const PHOTO_QUALITY = 48;
const OPAQUE = 255;
/** Where masks differ: black with a yellow rim stands out from every tissue and for every eye. */
const CORE = packed([0, 0, 0]);
const RIM = packed([255, 230, 0]);
/** Steps of opacity of an unclear decision: few, since they cost bytes. */
const OPACITY_STEPS = 8;
/** Red, green, blue and opacity as the four bytes of a pixel. */
function packed([red, green, blue], opacity = OPAQUE) {
    return ((opacity << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}
/**
 * Decodes a photograph once, no larger than `largest` px, and encodes it smaller as often as wanted.
 *
 * @throws ReigniteError FILE_MISSING, IMAGE_UNREADABLE.
 */
export async function openPhoto(path, largest) {
    const { pipeline } = await openImage(path);
    const small = pipeline.removeAlpha().toColourspace('srgb').resize(within(largest));
    const { data, info } = await small
        .raw()
        .toBuffer({ resolveWithObject: true })
        .catch((error) => {
        throw unreadable(path, error);
    });
    const raw = { width: info.width, height: info.height, channels: info.channels };
    return (edge) => sharp(data, { raw }).resize(within(edge)).webp({ quality: PHOTO_QUALITY, effort: 4 }).toBuffer();
}
function within(edge) {
    return { width: edge, height: edge, fit: 'inside', withoutEnlargement: true };
}
/**
 * Labels in the paper's colours, without loss.
 *
 * @param hidesUnannotated - Whether label 0 is transparent; a network's 0 is black as in the paper.
 */
export async function encodeMask(labels, size, hidesUnannotated) {
    const colours = Uint32Array.from({ length: 256 }, (_, label) => {
        const isHidden = label === NOT_PREDICTED || (label === 0 && hidesUnannotated);
        return isHidden ? 0 : packed(HE_LABELS[label]?.colour ?? NO_LABEL_COLOUR);
    });
    return encodeLossless(Uint32Array.from(labels, (label) => colours[label] ?? 0), size);
}
/** How unclear decisions were: transparent where clear, more opaque the smaller the margin (0 to 255). */
export async function encodeMargins(margins, size) {
    const colours = Uint32Array.from({ length: 256 }, (_, margin) => {
        const opacity = Math.round((1 - margin / 255) ** 2 * OPACITY_STEPS) / OPACITY_STEPS;
        return opacity === 0 ? 0 : packed([0, 20, 90], Math.round(opacity * OPAQUE));
    });
    return encodeLossless(Uint32Array.from(margins, (margin) => colours[margin] ?? 0), size);
}
/** Cells in which two masks differ (1), with a rim around them. */
export async function encodeDifferences(differing, size) {
    const { width, height } = size;
    const pixels = new Uint32Array(width * height);
    const around = [-1, 0, 1];
    for (const [at, differs] of differing.entries()) {
        if (differs === 0)
            continue;
        const [x, y] = [at % width, Math.floor(at / width)];
        for (const down of around) {
            for (const right of around) {
                const [column, row] = [x + right, y + down];
                if (column < 0 || column >= width || row < 0 || row >= height)
                    continue;
                const near = row * width + column;
                pixels[near] = differing[near] === 1 ? CORE : RIM;
            }
        }
    }
    return encodeLossless(pixels, size);
}
async function encodeLossless(pixels, { width, height }) {
    const bytes = new Uint8Array(pixels.buffer, pixels.byteOffset, pixels.byteLength);
    return sharp(bytes, { raw: { width, height, channels: 4 } })
        .webp({ lossless: true, effort: 4 })
        .toBuffer();
}
