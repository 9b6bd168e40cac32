import { Context } from '@temporalio/activity';
import { folderOf, OVERVIEW_FILE, readersFile } from '../toolkit/dataset/layout.js';
import { readOverview } from '../toolkit/dataset/overview.js';
import { readReaderAnnotations } from '../toolkit/dataset/readers-annotations.js';
import { ReigniteError } from '../toolkit/errors.js';
import { inside } from '../toolkit/files/inside.js';
import { readPoints } from '../toolkit/metrics/points-file.js';
import { addCellsUncertainty } from '../toolkit/verdict/cells-uncertainty.js';
import { comparePoints } from '../toolkit/verdict/compare-points.js';
import { judgeCells as judge } from '../toolkit/verdict/judge-cells.js';
import { overviewByStem } from '../toolkit/verdict/patients.js';
import { scoredImage } from '../toolkit/verdict/scored-image.js';
import { readCandidatesFile } from '../toolkit/yolov5/candidates-file.js';
import { pointsOf } from './draw-cells.js';
import { withHeartbeat } from './heartbeat.js';
import { JudgeCellsInput } from './inputs.js';
import { entryOf } from './planned-entry.js';
import { publishedOr } from './published-prediction.js';
import { CANDIDATES } from './roi-outputs.js';
import { StageFiles } from './stage-files.js';
import { writeVerdict } from './write-verdict.js';
/** Says whether our points and the published ones agree, and writes verdict/<task>.json. */
export function createJudgeCells(services) {
    return async function judgeCells(input) {
        const step = JudgeCellsInput.parse(input);
        const { task, folders } = step;
        const files = new StageFiles(services.home, step.stage);
        const { rois } = await files.readPlan();
        const failures = new Map((await files.readFailures(step.pages)).map(({ roi, code }) => [roi, code]));
        return withHeartbeat({ phase: 'judging', of: rois.length }, async () => {
            const images = [];
            for (const planned of rois) {
                Context.current().cancellationSignal.throwIfAborted();
                const code = failures.get(planned.roi);
                if (code !== undefined)
                    images.push({ roi: planned.roi, reason: `There is no prediction of ours (${code}).` });
                else
                    images.push(await judgeImage(step, planned.roi, await entryOf(services.cache, planned), services));
            }
            const annotations = await readReaderAnnotations(inside(folders.data, readersFile(task)), task);
            const overview = overviewByStem(await readOverview(inside(folders.data, OVERVIEW_FILE)));
            const judged = { images, annotations, overview, config: step.verdict };
            const { verdict, evidence } = addCellsUncertainty(judge({ task, ...judged }), judged);
            await writeVerdict(step, verdict, evidence);
            return { verdict: verdict.verdict, evaluation: verdict.evaluation, inference: verdict.inference.reason };
        });
    };
}
async function judgeImage({ task, folders, verdict }, roi, entry, services) {
    const ours = await pointsOf(services, entry, task);
    const candidates = await readCandidatesFile(services.cache.pathOf(entry.key, CANDIDATES));
    const image = scoredImage(roi, ours, candidates);
    const path = inside(folders.data, `${folderOf('inference', task)}/${roi}.npy`);
    const published = await publishedOr(roi, folders.data, () => publishedPoints(path, task, ours.length));
    if (!('read' in published))
        return published;
    return { roi, comparison: comparePoints(image, published.read, verdict.cells), published: published.read, ours };
}
/** The authors write no file for an image without a point: where ours has none either, that is agreement. */
async function publishedPoints(path, task, ours) {
    try {
        return await readPoints(path, task);
    }
    catch (error) {
        if (ours === 0 && error instanceof ReigniteError && error.code === 'FILE_MISSING')
            return [];
        throw error;
    }
}
