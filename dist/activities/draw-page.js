import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Context } from '@temporalio/activity';
import { withHeartbeat } from './heartbeat.js';
import { FIGURE } from './roi-outputs.js';
import { StageFiles } from './stage-files.js';
/**
 * Draws the figures of a page's ROIs, one after the other, and writes down which ROIs failed.
 *
 * @param draw - Whether there was something to draw.
 */
export async function drawPage({ home }, { stage, page, failures }, draw) {
    const files = new StageFiles(home, stage);
    const failed = new Set(failures.map(({ roi }) => roi));
    const rois = (await files.readPage(page)).filter(({ roi }) => !failed.has(roi));
    return withHeartbeat({ phase: 'drawing', done: 0, of: rois.length }, async (report) => {
        const withoutFigure = [];
        for (const [index, roi] of rois.entries()) {
            Context.current().cancellationSignal.throwIfAborted();
            if (!(await draw(roi)))
                withoutFigure.push(roi.roi);
            report({ phase: 'drawing', done: index + 1, of: rois.length, roi: roi.roi });
        }
        await files.writeFailures(page, failures);
        return { drawn: rois.length - withoutFigure.length, withoutFigure };
    });
}
/**
 * Puts an ROI's figure in its place: the cached one, or one that `draw` makes.
 *
 * @param draw - Writes the figure to the path it is given, unless there is nothing to draw: then it says false.
 * @returns Whether there is a figure.
 */
export async function placeFigure({ home, cache }, parts, target, draw) {
    const entry = (await cache.find(cache.keyOf(parts))) ?? (await drawAndStore());
    if (entry.files[FIGURE] === undefined)
        return false;
    await cache.restore(entry.key, FIGURE, target);
    return true;
    async function drawAndStore() {
        const work = join(home.work, cache.keyOf(parts));
        await mkdir(work, { recursive: true });
        const out = join(work, FIGURE);
        const drawn = await draw(out);
        const stored = await cache.store(parts, drawn ? { [FIGURE]: out } : {}, { drawn });
        await rm(work, { recursive: true, force: true });
        return stored;
    }
}
