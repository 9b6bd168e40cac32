import { Context } from '@temporalio/activity';
import type { FileDigests } from '../toolkit/cache/file-digests.ts';
import type { StepCache } from '../toolkit/cache/step-cache.ts';
import { ReigniteError } from '../toolkit/errors.ts';
import type { HomeFolders } from '../toolkit/files/home-folders.ts';
import { inLanes } from '../toolkit/files/in-lanes.ts';
import { withHeartbeat } from './heartbeat.ts';
import type { PlannedRoi, StageRef } from './inputs.ts';
import { StageFiles } from './stage-files.ts';

/** ROIs looked at side by side: what is hashed and copied for one does not hold up the others. */
const LANES = 8;

export interface StageOutline {
  readonly total: number;
  /** ROIs that were inferred before. */
  readonly cached: number;
  readonly pages: number;
}

export interface PlanServices {
  readonly home: HomeFolders;
  readonly cache: StepCache;
  readonly digests: FileDigests;
}

export type RoiFiles = Omit<PlannedRoi, 'need'>;

/** What the cache has of an ROI. */
export interface Looked {
  /** Key of what inference makes of it; missing where a file of the ROI is. */
  readonly key?: string;
  readonly need: PlannedRoi['need'] | 'nothing';
}

/**
 * Compares every ROI of a stage with the cache: what is there is put into the results folder by `look`, what is not
 * becomes the pages that the chunks work through.
 */
export async function planStage(
  { home, digests }: PlanServices,
  { stage, pageSize }: { readonly stage: StageRef; readonly pageSize: number },
  rois: readonly RoiFiles[],
  look: (roi: RoiFiles) => Promise<Looked>,
): Promise<StageOutline> {
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
    const outstanding = looked.flatMap(({ roi, need }): PlannedRoi[] => (need === 'nothing' ? [] : [{ ...roi, need }]));
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
export async function digestIfThere(digests: FileDigests, path: string): Promise<string | undefined> {
  try {
    return await digests.sha256(path, Context.current().cancellationSignal);
  } catch (error) {
    if (error instanceof ReigniteError && error.code === 'FILE_MISSING') return undefined;
    throw error;
  }
}
