import { basename } from 'node:path';
import { readersFile } from '../toolkit/dataset/layout.js';
import { readersOn, readReaderAnnotations } from '../toolkit/dataset/readers-annotations.js';
import { drawCellsFigure } from '../toolkit/figures/cells-figure.js';
import { inside } from '../toolkit/files/inside.js';
import { decodeRgb } from '../toolkit/image/decode-rgb.js';
import { readPoints } from '../toolkit/metrics/points-file.js';
import { ofRun } from './cache-of-run.js';
import { drawPage, placeFigure } from './draw-page.js';
import { DrawCellsInput } from './inputs.js';
import { cellOutputs, POINTS, pointsDigest } from './roi-outputs.js';
import { detectKey, drawCellsKey } from './step-keys.js';
/** Draws the figures of a page of detection images. */
export function createDrawCells(worker) {
    return async function drawCells(input) {
        const step = DrawCellsInput.parse(input);
        const services = ofRun(worker, step.folders);
        const path = inside(step.folders.data, readersFile(step.task));
        const annotations = await readReaderAnnotations(path, step.task);
        const annotationsSha256 = await services.digests.sha256(path);
        return drawPage(services, step, (roi) => drawImage(step, roi, { annotations, annotationsSha256 }, services));
    };
}
async function drawImage({ folders, model, engine, task }, { roi, image, box }, readers, services) {
    const { annotations, annotationsSha256 } = readers;
    const { cache } = services;
    const path = inside(folders.data, image);
    const imageSha256 = await services.digests.sha256(path);
    const detected = await cache.find(cache.keyOf(detectKey({ task, imageSha256, box, model, engine })));
    const annotated = annotations.images.find(({ stem }) => stem === roi);
    if (detected === undefined || annotated === undefined)
        return false;
    const parts = drawCellsKey({ roi, imageSha256, annotationsSha256, pointsSha256: pointsDigest(detected) });
    return placeFigure(services, parts, cellOutputs(task, folders.results, roi).figure, async (out) => {
        await drawCellsFigure({
            task,
            fileName: basename(image),
            image: await decodeRgb(path),
            annotatedXyxy: annotated.annotatedXyxy,
            readers: readersOn(annotations, annotated.id),
            ai: await pointsOf(services, detected, task),
            out,
        });
        return true;
    });
}
/** The points of a detection; none where there is no file of them. */
export async function pointsOf({ cache }, entry, task) {
    return entry.files[POINTS] === undefined ? [] : readPoints(cache.pathOf(entry.key, POINTS), task);
}
