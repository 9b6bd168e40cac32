import { FileDigests } from '../toolkit/cache/file-digests.ts';
import { Receipts } from '../toolkit/cache/receipts.ts';
import { StepCache } from '../toolkit/cache/step-cache.ts';
import type { HomeFolders } from '../toolkit/files/home-folders.ts';
import { RetryBudget } from '../toolkit/zenodo/http/patience.ts';
import { createUnpackArchive } from './acquire/unpack-archive.ts';
import { createWriteReport } from './report/write-report.ts';
import { createAggregateTask } from './task/aggregate-task.ts';
import { createCompareTask } from './task/compare-task.ts';
import { createDrawBatch, createDrawFigures } from './task/draw-figures.ts';
import { createPlanTask } from './task/plan-task.ts';
import { createPrepareModel } from './task/prepare-model.ts';
import { createWriteDiscrepancies } from './task/write-discrepancies.ts';

/** Work for processor and disk that needs no network: unpacking, converting, comparing, summing, drawing. */
export function createRenderActivities(home: HomeFolders) {
  const services = { home, cache: new StepCache(home.cache), digests: new FileDigests(home.digests) };
  const receipts = new Receipts(home.receipts);
  return {
    unpackArchive: createUnpackArchive({ receipts, retryBudget: new RetryBudget(home.transfers) }),
    prepareModel: createPrepareModel(home),
    planTask: createPlanTask(services),
    drawBatch: createDrawBatch(services),
    aggregateTask: createAggregateTask(services),
    drawFigures: createDrawFigures(services),
    compareTask: createCompareTask(services),
    writeDiscrepancies: createWriteDiscrepancies(services),
    writeReport: createWriteReport({ receipts }),
  };
}
export type RenderActivities = ReturnType<typeof createRenderActivities>;
