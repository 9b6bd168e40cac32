import { CELL_CLASSES } from '../../dataset/readers.js';
import { ReigniteError } from '../../errors.js';
import { imageSize } from '../../image/open-image.js';
import { readPoints } from '../../metrics/points-file.js';
import { pairPoints } from '../../verdict/compare-points.js';
import { openPhoto } from './encode-layer.js';
import { EDGES, SHARES } from './layer-budget.js';
import { pointsDrawing, READER_SHAPES } from './points-drawing.js';
import { SpotFinder } from './spots.js';
/** Ours without counterpart: an orange ring; a published point without counterpart: a black box. */
const EXTRA = '#d55e00';
const MISSING = '#000';
/**
 * Writes the layers of a detection image: image, readers' points, published, ours, and the points of either that have
 * no counterpart.
 *
 * @param limit - Bytes for all layers together.
 * @throws ReigniteError when the image or our points cannot be read.
 */
export async function drawCellsLayers({ task, image, published, ours, readers, nearDistance }, limit, writer) {
    const size = await imageSize(image);
    const mine = (await pointsOrNone(task, ours)) ?? [];
    const theirs = await publishedPoints(task, published, mine, writer);
    const encode = await openPhoto(image, EDGES[0]);
    await writer.writeImage('image', limit * SHARES.image, Math.max(size.width, size.height), encode);
    const draw = (layer, groups) => writer.writeDrawing(layer, limit * SHARES[layer === 'truth' ? 'readers' : 'points'], pointsDrawing(size, groups));
    await draw('truth', readers.map((points, reader) => ({ shape: READER_SHAPES[reader % READER_SHAPES.length] ?? 'square', points })));
    await draw('ours', [{ shape: 'triangle', points: mine }]);
    const finder = new SpotFinder();
    if (theirs !== undefined) {
        await draw('published', [{ shape: 'triangle', points: theirs }]);
        const pairs = pairPoints(mine, theirs, nearDistance);
        const extra = without(mine, new Set(pairs.map((pair) => pair.ours)));
        const missing = without(theirs, new Set(pairs.map((pair) => pair.published)));
        for (const { x, y } of [...extra, ...missing])
            finder.add(x, y);
        if (extra.length + missing.length > 0) {
            await draw('differ', [
                { shape: 'ring', points: extra, outline: EXTRA },
                { shape: 'box', points: missing, outline: MISSING },
            ]);
        }
    }
    const count = (points, label) => points.filter((each) => each.class === label).length;
    const classes = CELL_CLASSES[task].map((_, label) => ({
        label,
        truth: count(readers.flat(), label),
        published: theirs === undefined ? null : count(theirs, label),
        ours: count(mine, label),
    }));
    return { ...size, classes, spots: finder.spots() };
}
function without(points, paired) {
    return points.filter((_, index) => !paired.has(index));
}
async function pointsOrNone(task, path) {
    try {
        return await readPoints(path, task);
    }
    catch (error) {
        if (error instanceof ReigniteError && error.code === 'FILE_MISSING')
            return undefined;
        throw error;
    }
}
/** The authors write no file for an image without a point: where ours has none either, that is agreement. */
async function publishedPoints(task, path, mine, writer) {
    try {
        const found = await pointsOrNone(task, path);
        if (found === undefined && mine.length > 0)
            writer.notes.push('Nothing is published of this image.');
        return found ?? (mine.length === 0 ? [] : undefined);
    }
    catch (error) {
        if (!(error instanceof ReigniteError) || error.retryable)
            throw error;
        writer.notes.push(`The published points cannot be read (${error.code}).`);
        return undefined;
    }
}
