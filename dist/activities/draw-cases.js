import { drawCaseFigure } from '../toolkit/figures/case-figure.js';
import { inside } from '../toolkit/files/inside.js';
import { decodeLabels } from '../toolkit/image/decode-labels.js';
import { decodeRgb } from '../toolkit/image/decode-rgb.js';
import { ofRun } from './cache-of-run.js';
import { drawPage, placeFigure } from './draw-page.js';
import { DrawCasesInput } from './inputs.js';
import { heOutputs, MASK } from './roi-outputs.js';
import { drawKey, segmentKey } from './step-keys.js';
/** Draws the case figures of a page of H&E ROIs. */
export function createDrawCases(worker) {
    return async function drawCases(input) {
        const step = DrawCasesInput.parse(input);
        const services = ofRun(worker, step.folders);
        return drawPage(services, step, (roi) => drawCase(step, roi, services));
    };
}
async function drawCase({ folders, model, engine, he }, { roi, image, truth }, services) {
    const { cache, digests } = services;
    const imagePath = inside(folders.data, image);
    const truthPath = inside(folders.data, truth);
    const sources = { imageSha256: await digests.sha256(imagePath), truthSha256: await digests.sha256(truthPath) };
    const segmented = await cache.find(cache.keyOf(segmentKey({ ...sources, model, engine, scope: he.scope })));
    if (segmented === undefined)
        return false;
    const parts = drawKey({ roi, ...sources, maskSha256: segmented.files[MASK]?.sha256 ?? '' });
    return placeFigure(services, parts, heOutputs(folders.results, roi).figure, async (out) => {
        const figure = await drawCaseFigure({
            roi,
            image: await decodeRgb(imagePath),
            truth: await decodeLabels(truthPath),
            prediction: await decodeLabels(cache.pathOf(segmented.key, MASK)),
            out,
        });
        return figure.drawn;
    });
}
