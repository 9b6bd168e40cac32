import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Context } from '@temporalio/activity';
import { folderOf } from '../toolkit/dataset/layout.js';
import { HeMetrics } from '../toolkit/metrics/he-metrics.js';
import { ofRun } from './cache-of-run.js';
import { cachedFigures } from './cached-figures.js';
import { FoldersInput } from './inputs.js';
/** Draws the confusion matrices and the bars from metrics/he.json, and writes cm.npy. */
export function createDrawHeFigures(worker) {
    return async function drawHeFigures(input) {
        const { folders } = FoldersInput.parse(input);
        const { results } = folders;
        const signal = Context.current().cancellationSignal;
        const metrics = join(results, 'metrics', 'he.json');
        const place = { task: 'he', metrics, target: join(results, folderOf('figures', 'he')) };
        return cachedFigures(ofRun(worker, folders), place, async (outDir) => {
            // Vega takes a second to load, which a run from the cache can do without.
            const { renderHeFigures } = await import('../toolkit/figures/he-figures.js');
            return renderHeFigures({ metrics: HeMetrics.parse(JSON.parse(await readFile(metrics, 'utf8'))), outDir, signal });
        });
    };
}
