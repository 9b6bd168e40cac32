import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { TASKS } from '../../config/tasks.js';
import { ERRORS, ReigniteError } from '../errors.js';
import { writeFileAtomic } from '../files/atomic-write.js';
import { predictionTable } from './prediction-tables.js';
const Size = z.object({ width: z.int(), height: z.int() });
const ClassArea = z.object({
    value: z.int(),
    name: z.string(),
    pixels: z.int(),
    share: z.number(),
    mm2: z.number().exactOptional(),
});
const ClassCount = z.object({
    value: z.int(),
    name: z.string(),
    count: z.int(),
    perMm2: z.number().exactOptional(),
});
/** An `ImagePrediction` as JSON holds it, in the order of its fields. */
export const PredictedImage = z.object({
    image: z.string(),
    name: z.string(),
    ...Size.shape,
    mpp: z.number().exactOptional(),
    resampledTo: Size.exactOptional(),
    cached: z.boolean(),
    provider: z.string(),
    seconds: z.number(),
    notes: z.array(z.string()),
    cells: z.int().exactOptional(),
    counts: z.array(ClassCount).exactOptional(),
    areas: z.array(ClassArea).exactOptional(),
    regions: z.int().exactOptional(),
    files: z.record(z.string(), z.string()),
});
/** An image that could not be predicted. */
export const ImageFailure = z.object({
    image: z.string(),
    code: z.custom((code) => typeof code === 'string' && Object.hasOwn(ERRORS, code)),
    cause: z.string(),
    remedy: z.string(),
});
const PredictionSummary = z.object({
    task: z.enum(TASKS),
    model: z.object({ path: z.string(), digest: z.string() }),
    images: z.array(PredictedImage),
    failures: z.array(ImageFailure),
});
/** Writes what a prediction came to: `summary.json`, and its numbers as CSV. */
export async function writePredictionSummary(out, summary) {
    await writeFileAtomic(join(out, 'summary.json'), `${JSON.stringify(summary, null, 1)}\n`);
    const table = summary.task === 'he' ? 'areas.csv' : 'counts.csv';
    await writeFileAtomic(join(out, table), predictionTable(summary.images));
}
/** @throws ReigniteError FILE_MISSING where the folder holds no summary of a prediction. */
export async function readPredictionSummary(out) {
    const path = join(out, 'summary.json');
    try {
        return PredictionSummary.parse(JSON.parse(await readFile(path, 'utf8')));
    }
    catch (cause) {
        throw new ReigniteError('FILE_MISSING', `${path} is no summary of a prediction.`, { cause });
    }
}
