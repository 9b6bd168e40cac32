import { folderOf, readersFile } from '../toolkit/dataset/layout.js';
import { readReaderAnnotations } from '../toolkit/dataset/readers-annotations.js';
import { inside } from '../toolkit/files/inside.js';
import { ofRun } from './cache-of-run.js';
import { PlanCellsInput } from './inputs.js';
import { digestIfThere, planStage, } from './plan-stage.js';
import { cellOutputs, pointsDigest, restoreDetection, restoreFigure } from './roi-outputs.js';
import { detectKey, drawCellsKey } from './step-keys.js';
/** Compares the images of a detection task, those of the readers' COCO file, with the cache. */
export function createPlanCells(worker) {
    return async function planCells(input) {
        const step = PlanCellsInput.parse(input);
        const { task, folders } = step;
        const services = ofRun(worker, folders);
        const truth = readersFile(task);
        const annotations = inside(folders.data, truth);
        const { images } = await readReaderAnnotations(annotations, task);
        const rois = images.map(({ stem, fileName, annotatedXyxy: [left, top, right, bottom] }) => {
            const image = `${folderOf('images', task)}/${fileName}`;
            return { roi: stem, image, truth, box: [left, top, right, bottom] };
        });
        const annotationsSha256 = await services.digests.sha256(annotations);
        return planStage(services, step, rois, (roi) => look(step, roi, annotationsSha256, services));
    };
}
async function look({ folders, model, engine, task }, { roi, image, box }, annotationsSha256, { cache, digests }) {
    const imageSha256 = await digestIfThere(digests, inside(folders.data, image));
    if (imageSha256 === undefined)
        return { need: 'infer' };
    const key = cache.keyOf(detectKey({ task, imageSha256, box, model, engine }));
    const entry = await cache.find(key);
    if (entry === undefined)
        return { key, need: 'infer' };
    const outputs = cellOutputs(task, folders.results, roi);
    await restoreDetection(cache, entry, outputs);
    const drawn = drawCellsKey({ roi, imageSha256, annotationsSha256, pointsSha256: pointsDigest(entry) });
    return { key, need: (await restoreFigure(cache, cache.keyOf(drawn), outputs.figure)) ? 'nothing' : 'draw' };
}
