import { openImage, readRaw, unreadable } from './open-image.js';
const COLOUR = new Set(['srgb', 'rgb']);
const GREY = new Set(['b-w']);
const COLOUR_16 = new Set(['rgb16']);
const GREY_16 = new Set(['grey16']);
/**
 * Decodes an image to RGB with the values that the file stores, as Pillow's `convert('RGB')` does: colour profiles,
 * gamma and orientation change nothing; alpha is dropped, never blended; grey and palettes are expanded; of 16-bit
 * samples the high byte stays.
 *
 * @throws ReigniteError FILE_MISSING, IMAGE_UNREADABLE (also for colour spaces other than RGB and grey).
 */
export async function decodeRgb(path) {
    const { pipeline, width, height, header } = await openImage(path);
    const kind = kindOf(header);
    if (kind === undefined)
        throw unreadable(path, `its colours are ${header.space}, neither RGB nor grey`);
    const opaque = pipeline.removeAlpha().toColourspace(kind.space);
    const { data, channels } = await readRaw(path, opaque.raw({ depth: kind.is16Bit ? 'ushort' : 'uchar' }));
    const samples = kind.is16Bit ? highBytes(data) : data;
    return { width, height, data: channels === 3 ? samples : greyToRgb(samples), notes: notesOn(header) };
}
function kindOf({ space }) {
    if (COLOUR.has(space))
        return { space: 'srgb', is16Bit: false };
    if (GREY.has(space))
        return { space: 'b-w', is16Bit: false };
    if (COLOUR_16.has(space))
        return { space: 'rgb16', is16Bit: true };
    if (GREY_16.has(space))
        return { space: 'grey16', is16Bit: true };
    return undefined;
}
function notesOn(header) {
    const notes = [];
    if (header.hasAlpha)
        notes.push('alpha channel dropped');
    if (header.isPalette === true)
        notes.push('palette expanded to RGB');
    if (GREY.has(header.space) || GREY_16.has(header.space))
        notes.push('grey expanded to RGB');
    if (COLOUR_16.has(header.space) || GREY_16.has(header.space))
        notes.push('16-bit samples reduced to their high byte');
    if (header.hasProfile)
        notes.push('colour profile ignored');
    return notes;
}
/** The high byte of little-endian 16-bit samples. */
function highBytes(data) {
    const high = new Uint8Array(data.length / 2);
    for (let at = 0; at < high.length; at++)
        high[at] = data[2 * at + 1] ?? 0;
    return high;
}
function greyToRgb(grey) {
    const rgb = new Uint8Array(grey.length * 3);
    for (let at = 0; at < grey.length; at++)
        rgb.fill(grey[at] ?? 0, 3 * at, 3 * at + 3);
    return rgb;
}
