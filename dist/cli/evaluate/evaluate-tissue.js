import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { VerdictConfig } from '../../config/verdict-config.js';
import { readMaskPair } from '../../toolkit/dataset/read-mask-pair.js';
import { listHeTestRois } from '../../toolkit/dataset/test-rois.js';
import { drawCaseFigure } from '../../toolkit/figures/case-figure.js';
import { renderHeFigures } from '../../toolkit/figures/he-figures.js';
import { inside } from '../../toolkit/files/inside.js';
import { decodeLabels } from '../../toolkit/image/decode-labels.js';
import { decodeRgb } from '../../toolkit/image/decode-rgb.js';
import { evaluateHe } from '../../toolkit/metrics/evaluate-he.js';
import { heMetrics } from '../../toolkit/metrics/he-metrics.js';
import { evaluationIntervals } from '../../toolkit/verdict/evaluation-intervals.js';
import { measureTissue, TISSUE_MEASURES } from '../../toolkit/verdict/tissue-measure.js';
import { checkMasks } from './check-masks.js';
import { patientsOf, writeMetrics } from './evaluation.js';
import { translateLabels } from './label-translation.js';
/** Scores masks as the paper scores its own: one PNG of label values an ROI, named as in the record's inference/he. */
export async function evaluateTissue({ data, predictions, out, labels, }) {
    const pairs = await pairUp(data, predictions);
    const checked = pairs.map((pair) => ({ ...pair, annotation: inside(data, pair.annotation) }));
    const odd = await checkMasks(checked, labels);
    const own = await evaluateHe(readPairs(data, pairs, labels));
    const metrics = heMetrics(own.total);
    const published = await evaluatePublished(data, pairs);
    const intervals = intervalsOf(own, published, await patientsOf(data));
    await writeMetrics(out, 'he', metrics, intervals);
    await renderHeFigures({ metrics, outDir: join(out, 'figures', 'he') });
    return {
        metrics,
        intervals,
        ...(published && { published: heMetrics(published.total) }),
        images: pairs.length,
        remarks: [...odd, ...(await drawCases(data, out, pairs, labels))],
    };
}
async function pairUp(data, predictions) {
    const rois = await listHeTestRois(data);
    return rois.map((roi) => ({ ...roi, prediction: join(predictions, `${roi.roi}.png`) }));
}
async function* readPairs(data, pairs, labels) {
    for (const { roi, annotation, prediction } of pairs) {
        const masks = await readMaskPair(roi, inside(data, annotation), prediction);
        yield labels === undefined ? masks : { ...masks, prediction: translateLabels(masks.prediction, labels) };
    }
}
/** The published masks under the same protocol; undefined unless all of them are there. */
async function evaluatePublished(data, pairs) {
    const published = pairs.map((pair) => ({ ...pair, prediction: inside(data, `inference/he/${pair.roi}.png`) }));
    if (!published.every(({ prediction }) => existsSync(prediction)))
        return undefined;
    return evaluateHe(readPairs(data, published));
}
function intervalsOf(own, published, patients) {
    const rois = own.rois.map(({ roi, confusion }, k) => ({
        roi,
        ours: confusion.counts(),
        published: (published?.rois[k]?.confusion ?? confusion).counts(),
    }));
    const isCompared = published !== undefined;
    const measured = { rois, names: TISSUE_MEASURES, measure: measureTissue, isCompared };
    return evaluationIntervals(measured, patients, VerdictConfig.parse({}));
}
async function drawCases(data, out, pairs, labels) {
    const remarks = [];
    for (const { roi, image, annotation, prediction } of pairs) {
        const path = inside(data, image);
        if (!existsSync(path))
            continue;
        const figure = await drawCaseFigure({
            roi,
            image: await decodeRgb(path),
            truth: await decodeLabels(inside(data, annotation)),
            prediction: await readPrediction(prediction, labels),
            out: join(out, 'figures', 'he', 'cases', `${roi}.png`),
        });
        if (!figure.drawn)
            remarks.push(`${roi}: no figure. ${figure.reason}.`);
    }
    return remarks;
}
async function readPrediction(path, labels) {
    const mask = await decodeLabels(path);
    return labels === undefined ? mask : { ...mask, data: translateLabels(mask.data, labels) };
}
