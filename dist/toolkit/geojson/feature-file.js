import { open } from 'node:fs/promises';
import { replaceFile } from '../files/atomic-write.js';
import { TextFile } from './text-file.js';
const OPEN = '['.charCodeAt(0);
const CLOSE = ']'.charCodeAt(0);
const COMMA = ','.charCodeAt(0);
/**
 * Writes the objects of an image as a FeatureCollection (RFC 7946), one feature a line, in little memory.
 *
 * The coordinates are pixels of the image, not longitude and latitude: x to the right, y downwards, (0, 0) the upper
 * left corner of the first pixel. That is what QuPath expects, and what the member `imageCoordinates` says.
 *
 * @returns Number of features.
 * @throws ReigniteError NO_SPACE, NOT_WRITABLE.
 */
export async function writeFeatures(path, frame, features) {
    let count = 0;
    await replaceFile(path, async (temporary) => {
        const handle = await open(temporary, 'wx');
        try {
            const file = new TextFile(handle);
            const imageCoordinates = { unit: 'px', origin: 'upper left corner', y: 'down', ...frame };
            file.text(`{"type":"FeatureCollection","imageCoordinates":${JSON.stringify(imageCoordinates)},"features":[`);
            for (const feature of features) {
                file.text(count === 0 ? '\n' : ',\n');
                await writeFeature(file, feature);
                count++;
            }
            file.text('\n]}\n');
            await file.flush();
            await handle.sync();
        }
        finally {
            await handle.close();
        }
    });
    return count;
}
async function writeFeature(file, { geometry, ...properties }) {
    file.text(`{"type":"Feature","geometry":{"type":"${geometry.type}","coordinates":`);
    if (geometry.type === 'Point')
        file.text(JSON.stringify(geometry.coordinates));
    else
        await writeRings(file, geometry.rings);
    file.text(`},"properties":${JSON.stringify(properties)}}`);
    if (file.isFull)
        await file.flush();
}
/** Closes every ring with its first corner. */
async function writeRings(file, rings) {
    file.text('[');
    for (const [index, { corners, from, to }] of rings.entries()) {
        file.text(index === 0 ? '[' : ',[');
        for (let at = from; at < to; at += 2) {
            if (!file.hasRoomFor(2))
                await file.flush();
            writeCorner(file, corners, at);
            file.character(COMMA);
        }
        if (!file.hasRoomFor(2))
            await file.flush();
        writeCorner(file, corners, from);
        file.text(']');
    }
    file.text(']');
}
function writeCorner(file, corners, at) {
    file.character(OPEN);
    file.integer(corners[at] ?? 0);
    file.character(COMMA);
    file.integer(corners[at + 1] ?? 0);
    file.character(CLOSE);
}
