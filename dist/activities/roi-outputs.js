import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { folderOf } from '../toolkit/dataset/layout.js';
/** What a cache entry says of the inference of an ROI, whatever the task. */
const InferenceFacts = z.object({
    width: z.number().int(),
    height: z.number().int(),
    provider: z.string(),
    fallbacks: z.array(z.string()),
    instructionSet: z.string(),
    tiles: z.number().int(),
    seconds: z.number(),
    notes: z.array(z.string()),
});
/** Rows of counts; `ConfusionMatrix.fromRows` looks at each of them, which is not done twice for every ROI. */
export const Rows = z.custom((rows) => Array.isArray(rows) && rows.every(Array.isArray), 'expected rows of counts');
export const SegmentFacts = InferenceFacts.extend({ confusion: Rows });
/** All that sums and verdicts need of them. */
export const ConfusionFacts = SegmentFacts.pick({ confusion: true });
export const DetectFacts = InferenceFacts.extend({ points: z.number().int(), candidates: z.number().int() });
/** Names of files within cache entries. */
export const MASK = 'mask.png';
export const MARGIN = 'margin.png';
export const POINTS = 'points.npy';
export const CANDIDATES = 'candidates.json';
export const FIGURE = 'figure.png';
/** Where an H&E ROI's files lie in a results folder, laid out as in the record. */
export function heOutputs(results, roi) {
    return {
        mask: join(results, folderOf('inference', 'he'), `${roi}.png`),
        margin: join(results, 'margins', 'he', `${roi}.png`),
        figure: join(results, folderOf('figures', 'he'), 'cases', `${roi}.png`),
    };
}
/** Where a detection image's files lie in a results folder, laid out as in the record. */
export function cellOutputs(task, results, roi) {
    return {
        points: join(results, folderOf('inference', task), `${roi}.npy`),
        candidates: join(results, 'candidates', task, `${roi}.json`),
        figure: join(results, folderOf('figures', task), `${roi}.png`),
    };
}
/** Puts an entry's mask and margins where results are. */
export async function restoreSegmentation(cache, entry, results, roi) {
    const outputs = heOutputs(results, roi);
    await cache.restore(entry.key, MARGIN, outputs.margin);
    await cache.restore(entry.key, MASK, outputs.mask);
}
/** Puts an entry's candidates and points where results are. An image without points has no file, as in the record. */
export async function restoreDetection(cache, entry, outputs) {
    await cache.restore(entry.key, CANDIDATES, outputs.candidates);
    if (entry.files[POINTS] === undefined)
        await rm(outputs.points, { force: true });
    else
        await cache.restore(entry.key, POINTS, outputs.points);
}
/** Puts a figure where results are. An ROI may have none; false means that nobody has tried to draw it. */
export async function restoreFigure(cache, key, target) {
    if (cache.isInPlace(key, FIGURE, target))
        return true;
    const entry = await cache.find(key);
    if (entry === undefined)
        return false;
    if (entry.files[FIGURE] !== undefined)
        await cache.restore(key, FIGURE, target);
    return true;
}
/** Digest of the points of an entry; that there are none is a result as well. */
export function pointsDigest(entry) {
    return entry.files[POINTS]?.sha256 ?? 'none';
}
