import { Receipts } from '../toolkit/cache/receipts.ts';
import type { HomeFolders } from '../toolkit/files/folders.ts';
import type { RunStorage } from '../toolkit/storage/run-storage.ts';
import { RetryBudget } from '../toolkit/zenodo/http/retry-budget.ts';
import { createUnpackArchive } from './acquire/unpack-archive.ts';
import { createWriteReport } from './report/write-report.ts';
import { createDrawBatch, createDrawFigures } from './task/draw-figures.ts';
import { createPlanTask, createPrepareModel } from './task/prepare-task.ts';
import { createAggregateTask, createCompareTask, createWriteDiscrepancies } from './task/score-task.ts';
import { servicesOf } from './task/work-of.ts';

/** Activities for CPU and disk, without networks: unpacking, converting, comparing, aggregating, drawing. */
export function createRenderActivities(home: HomeFolders, storage?: RunStorage) {
  const services = servicesOf(home, storage);
  const receipts = new Receipts(home.receipts);
  return {
    unpackArchive: createUnpackArchive({ receipts, retryBudget: new RetryBudget(home.transfers) }),
    prepareModel: createPrepareModel(home, storage),
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
