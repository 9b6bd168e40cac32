import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { drawCellsOverlay } from '../figures/prediction-overlay.js';
import { writeFileAtomic } from '../files/atomic-write.js';
import { writeFeatures } from '../geojson/feature-file.js';
import { readNpy, writeNpy } from '../numpy/npy.js';
import { readCandidatesFile } from '../yolov5/candidates-file.js';
import { TASK_LIMITS, TASK_SETTINGS } from '../yolov5/task-settings.js';
import { cellFeatures, cellsTable, countCells, foundCells } from './found-cell.js';
import { describeInferred, inferOnce } from './infer-once.js';
import { readInput } from './input-image.js';
import { networkImage } from './network-image.js';
import { cellFiles } from './prediction.js';
/** Raised whenever the same image and model would give other cells. */
const SCHEMA = 1;
const POINTS = 'points.npy';
const CANDIDATES = 'candidates.json';
/**
 * Detects the cells of an image of the user's: points as .npy, CSV and GeoJSON, candidates, overlay, counts.
 *
 * Tiles, confidence and suppression are those of the paper's task. Safe to kill anywhere.
 *
 * @throws ReigniteError IMAGE_UNREADABLE, FILE_MISSING, INFERENCE_FAILED, NO_SPACE, NOT_WRITABLE; the signal's reason.
 */
export async function predictCells(job, detector, services, options = {}) {
    const input = await readInput(job.image);
    const seen = await networkImage(input, job.choices, options.signal);
    const inferred = await inferOnce(keyOf(job, seen), services, options, (work) => detect(job, seen, detector, work, options));
    options.signal?.throwIfAborted();
    options.onProgress?.({ phase: 'draw' });
    const { cache } = services;
    const { key } = inferred.entry;
    const cells = await readCells(cache.pathOf(key, CANDIDATES), cache.pathOf(key, POINTS), seen.original);
    const files = cellFiles(job.name);
    await cache.restore(key, CANDIDATES, join(job.out, files.candidates));
    await writeOutputs(job, seen, cells, files);
    const { mpp } = job.choices;
    const mm2 = mpp === undefined ? undefined : (input.width * input.height * mpp * mpp) / 1e6;
    const counts = countCells(cells, job.classes, mm2);
    return { ...describeInferred(job, input, seen, inferred), cells: cells.length, counts, files };
}
function keyOf({ task, model, engine }, { sha256, size, isResampled }) {
    const { tile, confidence, iou } = TASK_SETTINGS[task];
    return {
        step: 'predict-cells',
        schema: SCHEMA,
        image: sha256,
        size: isResampled ? `${size.width} x ${size.height}` : 'own',
        tile,
        confidence,
        iou,
        model: model.digest,
        provider: engine.provider,
        ortVersion: engine.ortVersion,
        precision: 'float32',
    };
}
async function detect({ task, model, session }, seen, detector, work, { signal, onProgress }) {
    const { confidence, iou } = TASK_SETTINGS[task];
    const points = join(work, POINTS);
    const candidates = join(work, CANDIDATES);
    const { provider, seconds, notes } = await detector.detect({
        ...TASK_LIMITS,
        ...session,
        confidence,
        iou,
        points,
        candidates,
        image: await seen.write(work),
        modelDir: model.modelDir,
        partialDir: join(work, 'partial'),
    }, { ...(signal && { signal }), ...(onProgress && { onProgress }) });
    const files = { [CANDIDATES]: candidates, ...(existsSync(points) ? { [POINTS]: points } : {}) };
    return { files, facts: { provider, seconds, notes: [...notes] } };
}
async function readCells(candidates, points, original) {
    const file = await readCandidatesFile(candidates);
    if (!existsSync(points))
        return [];
    const { data } = await readNpy(points);
    return foundCells(file, Array.from(data, Number), original);
}
async function writeOutputs({ image, out, classes, choices }, { original }, cells, files) {
    const path = (file) => join(out, file);
    await writeFileAtomic(path(files.table), cellsTable(cells, classes));
    const frame = { ...original, ...(choices.mpp !== undefined && { mpp: choices.mpp }) };
    await writeFeatures(path(files.geojson), frame, cellFeatures(cells, classes));
    await drawCellsOverlay(image, original, cells, classes, path(files.overlay));
    // As in the record: x, y and class of every cell; no file where there is none.
    if (cells.length === 0)
        return rm(path(files.points), { force: true });
    const data = Float32Array.from(cells.flatMap(({ x, y, class: of }) => [x, y, of]));
    await writeNpy(path(files.points), { dtype: 'float32', shape: [cells.length, 3], data });
}
