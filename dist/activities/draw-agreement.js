import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Context } from '@temporalio/activity';
import { folderOf } from '../toolkit/dataset/layout.js';
import { DetectionMetrics } from '../toolkit/metrics/agreement-metrics.js';
import { ofRun } from './cache-of-run.js';
import { cachedFigures } from './cached-figures.js';
import { DrawAgreementInput } from './inputs.js';
/** Draws the F1 matrices of readers and AI from metrics/<task>.json. */
export function createDrawAgreement(worker) {
    return async function drawAgreement(input) {
        const { task, folders } = DrawAgreementInput.parse(input);
        const signal = Context.current().cancellationSignal;
        const path = join(folders.results, 'metrics', `${task}.json`);
        const place = { task, metrics: path, target: join(folders.results, folderOf('figures', task)) };
        return cachedFigures(ofRun(worker, folders), place, async (outDir) => {
            const { renderF1Figures } = await import('../toolkit/figures/f1-matrix-figures.js');
            const metrics = DetectionMetrics.parse(JSON.parse(await readFile(path, 'utf8')));
            return renderF1Figures({ metrics, outDir, signal });
        });
    };
}
