import { FileDigests } from '../toolkit/cache/file-digests.ts';
import { Receipts } from '../toolkit/cache/receipts.ts';
import { StepCache } from '../toolkit/cache/step-cache.ts';
import type { HomeFolders } from '../toolkit/files/home-folders.ts';
import { Patience } from '../toolkit/zenodo/patience.ts';
import { createAggregateCells } from './aggregate-cells.ts';
import { createAggregateHe } from './aggregate-he.ts';
import { createConvertDetector } from './convert-detector.ts';
import { createConvertModel } from './convert-model.ts';
import { createDrawAgreement } from './draw-agreement.ts';
import { createDrawCases } from './draw-cases.ts';
import { createDrawCells } from './draw-cells.ts';
import { createDrawHeFigures } from './draw-he-figures.ts';
import { createJudgeCells } from './judge-cells.ts';
import { createJudgeHe } from './judge-he.ts';
import { createPlanCells } from './plan-cells.ts';
import { createPlanHe } from './plan-he.ts';
import { createUnpackArchive } from './unpack-archive.ts';
import { createWriteLedger } from './write-ledger.ts';
import { createWriteReport } from './write-report.ts';

/** Work for processor and disk that needs no network: unpacking, converting, comparing, summing, drawing. */
export function createRenderActivities(home: HomeFolders) {
  const services = { home, cache: new StepCache(home.cache), digests: new FileDigests(home.digests) };
  const receipts = new Receipts(home.receipts);
  return {
    unpackArchive: createUnpackArchive({ receipts, patience: new Patience(home.transfers) }),
    convertModel: createConvertModel(home),
    convertDetector: createConvertDetector(home),
    planHe: createPlanHe(services),
    planCells: createPlanCells(services),
    drawCases: createDrawCases(services),
    drawCells: createDrawCells(services),
    aggregateHe: createAggregateHe(services),
    aggregateCells: createAggregateCells(services),
    judgeHe: createJudgeHe(services),
    judgeCells: createJudgeCells(services),
    drawHeFigures: createDrawHeFigures(services),
    writeLedger: createWriteLedger(services),
    drawAgreement: createDrawAgreement(services),
    writeReport: createWriteReport({ receipts }),
  };
}
export type RenderActivities = ReturnType<typeof createRenderActivities>;
