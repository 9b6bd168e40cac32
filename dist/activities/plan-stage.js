import { Context } from '@temporalio/activity';
import { ReigniteError } from '../toolkit/errors.js';
import { inLanes } from '../toolkit/files/in-lanes.js';
import { withHeartbeat } from './heartbeat.js';
import { StageFiles } from './stage-files.js';
/** ROIs looked at side by side: what is hashed and copied for one does not hold up the others. */
const LANES = 8;
/**
 * Compares every ROI of a stage with the cache: what is there is put into the results folder by `look`, what is not
 * becomes the pages that the chunks work through.
 */
export async function planStage({ home, digests }, { stage, pageSize }, rois, look) {
    return withHeartbeat({ phase: 'planning', done: 0, of: rois.length }, async (report) => {
        const files = new StageFiles(home, stage);
        let done = 0;
        const looked = await inLanes(rois, LANES, Context.current().cancellationSignal, async (roi) => {
            const found = await look(roi);
            done += 1;
            report({ phase: 'planning', done, of: rois.length });
            return { roi, ...found };
        });
        const planned = looked.map(({ roi: { roi }, key }) => ({ roi, ...(key === undefined ? {} : { key }) }));
        const outstanding = looked.flatMap(({ roi, need }) => (need === 'nothing' ? [] : [{ ...roi, need }]));
        await digests.save();
        await files.writePlan({ rois: planned });
        const pages = Math.ceil(outstanding.length / pageSize);
        for (let page = 0; page < pages; page++) {
            await files.writePage(page, outstanding.slice(page * pageSize, (page + 1) * pageSize));
        }
        const toInfer = outstanding.filter(({ need }) => need === 'infer').length;
        return { total: rois.length, cached: rois.length - toInfer, pages };
    });
}
/**
 * The digest of a file; undefined for one that is not there: the ROI's own step is to say so, not the whole stage.
 */
export async function digestIfThere(digests, path) {
    try {
        return await digests.sha256(path, Context.current().cancellationSignal);
    }
    catch (error) {
        if (error instanceof ReigniteError && error.code === 'FILE_MISSING')
            return undefined;
        throw error;
    }
}
