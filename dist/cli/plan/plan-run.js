import { FileDigests } from '../../toolkit/cache/file-digests.js';
import { StepCache } from '../../toolkit/cache/step-cache.js';
import { freeBytes } from '../../toolkit/files/free-space.js';
import { readSummaryFile } from '../../toolkit/report/summary.js';
import { planFiles } from './plan-files.js';
import { planModel } from './plan-model.js';
import { planRois } from './plan-rois.js';
import { ASSUMED_RATE, paceOf } from './plan-time.js';
/**
 * Says what a run would do, and starts nothing. Images that were never hashed are read, nothing is written but the
 * memory of their digests.
 */
export async function planRun({ id, input }, home, { fresh, signal }) {
    const files = await planFiles(input, home, signal);
    const { data, results } = input.folders;
    const made = [];
    for await (const entry of new StepCache(home.cache).entries())
        made.push(entry);
    const cache = new StepCache(home.cache, await generationOf(input));
    const services = { cache, digests: new FileDigests(home.digests), made, signal };
    const tasks = [];
    for (const task of input.config.tasks) {
        const model = await planModel(task, input, home, signal);
        const rois = await planRois(task, input, model, services);
        const planned = fresh ? rois?.map(anew) : rois;
        tasks.push(taskPlan(task, planned, model.isConverted, paceOf(task, made, model)));
    }
    const free = await freeBytes(data);
    const disk = free === undefined ? {} : { free };
    const plan = { run: id, data, results, tasks };
    if (files === undefined)
        return { ...plan, disk, hours: {} };
    const toFetch = sumOf(files, ({ toFetch: bytes }) => bytes);
    return {
        ...plan,
        files,
        bytes: { toFetch, there: sumOf(files, ({ size }) => size) - toFetch },
        disk: { needed: spaceNeeded(files, tasks), ...disk },
        hours: { fetch: toFetch / ASSUMED_RATE / 3_600 },
    };
}
function anew({ roi, tiles }) {
    const reason = 'a fresh run takes nothing from the cache';
    return { roi, state: 'outstanding', reason, ...(tiles === undefined ? {} : { tiles }) };
}
/** Which part of the cache the run goes on in: that of the run whose results lie there. */
async function generationOf({ digest, folders }) {
    const summary = await readSummaryFile(folders.results);
    return summary?.digest === digest ? summary.generation : undefined;
}
function taskPlan(task, rois, isConverted, pace) {
    const open = (rois ?? []).filter(({ state }) => state === 'outstanding');
    const tiles = sumOf(open, (roi) => roi.tiles ?? 0);
    const isMeasured = rois !== undefined && open.every((roi) => roi.tiles !== undefined);
    return {
        task,
        ...pace,
        ...(rois === undefined ? {} : { rois }),
        cached: (rois?.length ?? 0) - open.length,
        outstanding: open.length,
        tiles,
        ...(isMeasured ? { hours: (tiles * pace.secondsPerTile) / 3_600 } : {}),
        isConverted,
    };
}
const MODELS = 'models.zip';
/** The paper's network as it is laid out, in sizes of its ONNX file. */
const LAID_OUT = 1.8;
/**
 * What is fetched, what is unpacked of it (as large: images and weights do not shrink any more), and the networks as
 * ONNX and once more, larger, as they are laid out for this processor.
 */
function spaceNeeded(files, tasks) {
    const archives = files.filter(({ key, state }) => key.endsWith('.zip') && state !== 'there' && state !== 'unverified');
    const models = tasks.every(({ isConverted }) => isConverted)
        ? 0
        : (files.find(({ key }) => key === MODELS)?.size ?? 0);
    return sumOf(files, ({ toFetch }) => toFetch) + sumOf(archives, ({ size }) => size) + (1 + LAID_OUT) * models;
}
function sumOf(items, value) {
    return items.reduce((sum, item) => sum + value(item), 0);
}
