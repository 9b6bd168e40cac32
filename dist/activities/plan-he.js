import { listHeTestRois } from '../toolkit/dataset/test-rois.js';
import { inside } from '../toolkit/files/inside.js';
import { ofRun } from './cache-of-run.js';
import { PlanHeInput } from './inputs.js';
import { digestIfThere, planStage, } from './plan-stage.js';
import { heOutputs, MASK, restoreFigure, restoreSegmentation } from './roi-outputs.js';
import { drawKey, segmentKey } from './step-keys.js';
/** Compares the H&E test set with the cache. */
export function createPlanHe(worker) {
    return async function planHe(input) {
        const task = PlanHeInput.parse(input);
        const services = ofRun(worker, task.folders);
        const rois = await listHeTestRois(task.folders.data);
        const files = rois.map(({ roi, image, annotation }) => ({ roi, image, truth: annotation }));
        return planStage(services, task, files, (roi) => look(task, roi, services));
    };
}
async function look({ folders, model, engine, he }, { roi, image, truth }, { cache, digests }) {
    const imageSha256 = await digestIfThere(digests, inside(folders.data, image));
    const truthSha256 = await digestIfThere(digests, inside(folders.data, truth));
    if (imageSha256 === undefined || truthSha256 === undefined)
        return { need: 'infer' };
    const sources = { imageSha256, truthSha256 };
    const key = cache.keyOf(segmentKey({ ...sources, model, engine, scope: he.scope }));
    const entry = await cache.find(key);
    if (entry === undefined)
        return { key, need: 'infer' };
    await restoreSegmentation(cache, entry, folders.results, roi);
    const drawn = drawKey({ roi, ...sources, maskSha256: entry.files[MASK]?.sha256 ?? '' });
    const { figure } = heOutputs(folders.results, roi);
    return { key, need: (await restoreFigure(cache, cache.keyOf(drawn), figure)) ? 'nothing' : 'draw' };
}
