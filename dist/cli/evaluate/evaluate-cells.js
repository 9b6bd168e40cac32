import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { VerdictConfig } from '../../config/verdict-config.js';
import { folderOf, readersFile } from '../../toolkit/dataset/layout.js';
import { readersOn, readReaderAnnotations } from '../../toolkit/dataset/readers-annotations.js';
import { drawCellsFigure } from '../../toolkit/figures/cells-figure.js';
import { renderF1Figures } from '../../toolkit/figures/f1-matrix-figures.js';
import { inside } from '../../toolkit/files/inside.js';
import { decodeRgb } from '../../toolkit/image/decode-rgb.js';
import { evaluateDetection } from '../../toolkit/metrics/agreement.js';
import { describeRemark } from '../../toolkit/metrics/agreement-remarks.js';
import { readFoundPoints } from '../../toolkit/metrics/points-file.js';
import { cellsCounts } from '../../toolkit/verdict/cells-counts.js';
import { evaluationIntervals } from '../../toolkit/verdict/evaluation-intervals.js';
import { patientsOf, writeMetrics } from './evaluation.js';
import { readPointsToScore } from './read-points.js';
/** Scores points as the paper scores its own: one .npy (n, 3) of x, y, class an image; none where nothing was found. */
export async function evaluateCells(task, { data, predictions, out }) {
    const file = inside(data, readersFile(task));
    const annotations = await readReaderAnnotations(file, task);
    const { found, remarks: odd } = await readPointsToScore(predictions, annotations);
    const points = (stem) => found.get(stem);
    const { metrics: paper, remarks } = evaluateDetection({ task, annotations, points });
    const own = await readReaderAnnotations(file, task, 'own');
    const metrics = { ...paper, corrected: evaluateDetection({ task, annotations: own, points }).metrics };
    const published = await readFoundPoints(inside(data, folderOf('inference', task)), annotations);
    const isCompared = published.size > 0;
    const theirs = (stem) => published.get(stem);
    const counts = cellsCounts(annotations, { ours: points, published: isCompared ? theirs : points });
    const intervals = evaluationIntervals({ ...counts, isCompared }, await patientsOf(data), VerdictConfig.parse({}));
    await writeMetrics(out, task, metrics, intervals);
    const figures = join(out, folderOf('figures', task));
    await renderF1Figures({ metrics, outDir: figures });
    await drawImages(annotations, found, data, figures);
    const reference = isCompared ? { published: evaluateDetection({ task, annotations, points: theirs }).metrics } : {};
    return {
        metrics,
        intervals,
        ...reference,
        images: annotations.images.length,
        remarks: [...odd, ...remarks.map(describeRemark)],
    };
}
async function drawImages(annotations, found, data, figures) {
    const { task, images } = annotations;
    for (const { id, fileName, stem, annotatedXyxy } of images) {
        const path = inside(data, `${folderOf('images', task)}/${fileName}`);
        if (!existsSync(path))
            continue;
        await drawCellsFigure({
            task,
            fileName,
            annotatedXyxy,
            image: await decodeRgb(path),
            readers: readersOn(annotations, id),
            ai: found.get(stem) ?? [],
            out: join(figures, `${stem}.png`),
        });
    }
}
