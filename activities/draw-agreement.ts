import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Context } from '@temporalio/activity';
import { folderOf } from '../toolkit/dataset/layout.ts';
import { DetectionMetrics } from '../toolkit/metrics/agreement-metrics.ts';
import { ofRun } from './cache-of-run.ts';
import { cachedFigures, type DrawnFigures } from './cached-figures.ts';
import { DrawAgreementInput } from './inputs.ts';
import type { PlanServices } from './plan-stage.ts';

/** Draws the F1 matrices of readers and AI from metrics/<task>.json. */
export function createDrawAgreement(worker: Pick<PlanServices, 'home' | 'cache'>) {
  return async function drawAgreement(input: DrawAgreementInput): Promise<DrawnFigures> {
    const { task, folders } = DrawAgreementInput.parse(input);
    const signal = Context.current().cancellationSignal;
    const path = join(folders.results, 'metrics', `${task}.json`);
    const place = { task, metrics: path, target: join(folders.results, folderOf('figures', task)) };
    return cachedFigures(ofRun(worker, folders), place, async (outDir) => {
      const { renderF1Figures } = await import('../toolkit/figures/f1-matrix-figures.ts');
      const metrics = DetectionMetrics.parse(JSON.parse(await readFile(path, 'utf8')));
      return renderF1Figures({ task, metrics, outDir, signal });
    });
  };
}
