import { FileDigests } from '../toolkit/cache/file-digests.js';
import { Receipts } from '../toolkit/cache/receipts.js';
import { StepCache } from '../toolkit/cache/step-cache.js';
import { Patience } from '../toolkit/zenodo/patience.js';
import { createAggregateCells } from './aggregate-cells.js';
import { createAggregateHe } from './aggregate-he.js';
import { createConvertDetector } from './convert-detector.js';
import { createConvertModel } from './convert-model.js';
import { createDrawAgreement } from './draw-agreement.js';
import { createDrawCases } from './draw-cases.js';
import { createDrawCells } from './draw-cells.js';
import { createDrawHeFigures } from './draw-he-figures.js';
import { createJudgeCells } from './judge-cells.js';
import { createJudgeHe } from './judge-he.js';
import { createPlanCells } from './plan-cells.js';
import { createPlanHe } from './plan-he.js';
import { createUnpackArchive } from './unpack-archive.js';
import { createWriteLedger } from './write-ledger.js';
import { createWriteReport } from './write-report.js';
/** Work for processor and disk that needs no network: unpacking, converting, comparing, summing, drawing. */
export function createRenderActivities(home) {
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
