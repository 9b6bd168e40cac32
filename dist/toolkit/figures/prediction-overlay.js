import { Canvas, ImageData } from 'canvas';
import sharp, {} from 'sharp';
import { replaceFile } from '../files/atomic-write.js';
import { openImage } from '../image/open-image.js';
import { makeMarker, stampMarker } from './cells-figure-markers.js';
/** Longer sides are drawn smaller: a picture to look at, of bounded memory. */
const LONGEST_SIDE = 4_096;
const COMPRESSION = 3;
/** Width of a cell's marker in px of the image, at most; never below the smallest that can be seen. */
const MARKER = 9;
/**
 * Draws labels over their image at half opacity.
 *
 * @param hidden - Values that are not drawn.
 * @throws ReigniteError IMAGE_UNREADABLE, NO_SPACE, NOT_WRITABLE.
 */
export async function drawTissueOverlay(image, mask, classes, out) {
    const { pixels, width, height } = await readSmall(image);
    const columns = Uint32Array.from({ length: width }, (_, x) => Math.floor(((x + 0.5) * mask.width) / width));
    for (let y = 0, at = 0; y < height; y++) {
        const row = Math.floor(((y + 0.5) * mask.height) / height) * mask.width;
        for (let x = 0; x < width; x++, at += 3) {
            const colour = classes.get(mask.data[row + (columns[x] ?? 0)] ?? 0)?.color;
            if (colour === undefined)
                continue;
            pixels[at] = ((pixels[at] ?? 0) + colour[0]) / 2;
            pixels[at + 1] = ((pixels[at + 1] ?? 0) + colour[1]) / 2;
            pixels[at + 2] = ((pixels[at + 2] ?? 0) + colour[2]) / 2;
        }
    }
    await writePicture(out, sharp(pixels, { raw: { width, height, channels: 3 } }));
    return { width, height };
}
/**
 * Marks cells on their image, a circle each in the colour of its class.
 *
 * @param classes - By number.
 * @throws ReigniteError IMAGE_UNREADABLE, NO_SPACE, NOT_WRITABLE.
 */
export async function drawCellsOverlay(image, size, cells, classes, out) {
    const { pixels, width, height } = await readSmall(image);
    const canvas = new Canvas(width, height);
    const context = canvas.getContext('2d');
    putRgb(context, pixels, width, height);
    const markers = classes.map(({ color }) => makeMarker(1, `rgb(${color.join(', ')})`, MARKER));
    for (const { x, y, class: of } of cells) {
        const marker = markers[of];
        if (marker !== undefined)
            stampMarker(context, marker, (x * width) / size.width, (y * height) / size.height);
    }
    const raw = { width, height, channels: 4 };
    await writePicture(out, sharp(canvas.data(), { raw }).removeAlpha());
    return { width, height };
}
async function readSmall(image) {
    const { pipeline, width, height } = await openImage(image);
    const factor = Math.min(1, LONGEST_SIDE / Math.max(width, height));
    const size = { width: Math.max(1, Math.round(width * factor)), height: Math.max(1, Math.round(height * factor)) };
    const opaque = pipeline.removeAlpha().toColourspace('srgb');
    const smaller = factor < 1 ? opaque.resize({ ...size, fit: 'fill', kernel: 'linear' }) : opaque;
    const { data } = await smaller.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
    return { pixels: data, ...size };
}
function putRgb(context, rgb, width, height) {
    const rgba = new Uint8ClampedArray(4 * width * height).fill(255);
    for (let from = 0, to = 0; from < rgb.length; from += 3, to += 4) {
        rgba[to] = rgb[from] ?? 0;
        rgba[to + 1] = rgb[from + 1] ?? 0;
        rgba[to + 2] = rgb[from + 2] ?? 0;
    }
    context.putImageData(new ImageData(rgba, width, height), 0, 0);
}
async function writePicture(out, picture) {
    await replaceFile(out, async (temporary) => {
        await picture.png({ compressionLevel: COMPRESSION }).toFile(temporary);
    });
}
