import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { TASKS } from '../../../config/tasks.js';
import { writeFileAtomic } from '../../files/atomic-write.js';
/** What a viewer puts one over the other, from below. */
export const LAYERS = ['image', 'truth', 'published', 'ours', 'margin', 'differ'];
/** A place where the two predictions differ: its middle in px of the image, and how much it holds. */
const Spot = z.object({ x: z.number(), y: z.number(), count: z.int().min(1) });
export const RoiLayers = z.object({
    task: z.enum(TASKS),
    roi: z.string(),
    width: z.int().min(1).describe('px'),
    height: z.int().min(1).describe('px'),
    files: z.partialRecord(z.enum(LAYERS), z.string()).describe('Relative to report/; two layers may share a file'),
    classes: z
        .array(z.object({ label: z.int(), truth: z.number(), published: z.number().nullable(), ours: z.number() }))
        .describe('Labels, or classes of cells, that occur: share of the pixels, or number of points'),
    spots: z.array(Spot).describe('Where most differs, first what holds most'),
    notes: z.array(z.string()).describe('What is not shown, and why'),
});
/** `report/assets/layers.json`: the layers of every ROI, and what each was made from. */
const LayersFile = z.object({
    schema: z.literal(1),
    rois: z.array(RoiLayers.extend({ stamp: z.string().describe('Changes when a source of the layers changes') })),
});
const fileOf = (results) => join(results, 'report', 'assets', 'layers.json');
/** The layers that an earlier writing of the report left; none where there are none, or of another version. */
export async function readLayersFile(results) {
    const text = await readFile(fileOf(results), 'utf8').catch(() => 'null');
    const parsed = LayersFile.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data.rois : [];
}
export async function writeLayersFile(results, rois) {
    await writeFileAtomic(fileOf(results), `${JSON.stringify({ schema: 1, rois })}\n`);
}
