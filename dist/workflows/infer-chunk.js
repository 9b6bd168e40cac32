import { ApplicationFailure, isCancellation, setCurrentDetails, setHandler } from '@temporalio/workflow';
import { nameFailure } from './failure-code.js';
import { failureList } from './failure-list.js';
import { inWindow } from './in-window.js';
import { progress, progressTable, Telling, tellRun } from './progress.js';
import { inference, readPage } from './steps.js';
/** Infers the ROIs of one page; a failed ROI is recorded, not fatal. */
export async function inferChunk({ run, input, skipped, plan, page, ...before }) {
    const { task, stage, total, cached } = plan;
    const listed = await readPage.executeWithOptions({ summary: `list of page ${page + 1}` }, [{ stage, page }]);
    const rois = listed.filter(({ need }) => need === 'infer');
    const named = [];
    let done = 0;
    const now = () => {
        const counts = { done: before.done + done, of: total, cached, failed: before.failed + named.length };
        return { stage: task, unit: 'ROIs', ...counts, state: 'running' };
    };
    const show = () => setCurrentDetails([progressTable([now()]), ...failureList(named)].join('\n'));
    const telling = new Telling(before.done, total, Date.now());
    setHandler(progress, () => [now()]);
    show();
    const settled = await inWindow(rois, input.config.temporal.window, async (roi) => {
        let isOver = true;
        try {
            refuseSkipped(roi.roi, task, skipped);
            await inferRoi(roi, input, plan);
        }
        catch (error) {
            // A run that was paused begins it again: it is neither done nor failed.
            isOver = !isCancellation(error);
            if (isOver)
                named.push({ item: roi.roi, ...nameFailure(error) });
            throw error;
        }
        finally {
            if (isOver) {
                done += 1;
                show();
                if (telling.isDue(before.done + done, Date.now()))
                    await tellRun(run, now());
            }
        }
    });
    const failures = settled.flatMap((result, index) => {
        if (result.status === 'fulfilled')
            return [];
        return [{ roi: rois[index]?.roi ?? '', ...nameFailure(result.reason) }];
    });
    return { done, failures };
}
function refuseSkipped(roi, task, skipped) {
    const skip = skipped.find((each) => each.task === task && each.roi === roi);
    if (skip !== undefined)
        throw ApplicationFailure.nonRetryable(`Left out: ${skip.reason}`, 'SKIPPED');
}
function inferRoi(planned, { config, folders }, { task, model, engine }) {
    const { segmentRoi, detectCells } = inference(config.temporal);
    const { need: _need, ...files } = planned;
    const step = { ...files, folders, model, engine, inference: config.inference };
    const options = { summary: planned.roi };
    if (task === 'he')
        return segmentRoi.executeWithOptions(options, [{ ...step, he: config.he }]);
    return detectCells.executeWithOptions(options, [{ ...step, task }]);
}
