import { resolve } from 'node:path';
import type { Task } from '../../config/tasks.ts';
import { evaluateCells } from '../evaluate/evaluate-cells.ts';
import { evaluateTissue } from '../evaluate/evaluate-tissue.ts';
import { EXIT, printResult, printStep } from '../output.ts';
import { metricsTable } from '../run/run-report.ts';

export interface EvaluateOptions {
  readonly task: Task;
  readonly data: string;
  readonly predictions: string;
  readonly out: string;
  readonly json?: boolean;
}

/** `reignite evaluate`: anybody's predictions under the paper's protocol; no Temporal, no model, no images needed. */
export async function evaluateCommand({ task, json, ...paths }: EvaluateOptions): Promise<number> {
  const folders = { data: resolve(paths.data), predictions: resolve(paths.predictions), out: resolve(paths.out) };
  const { metrics, images, remarks } = await (task === 'he' ? evaluateTissue(folders) : evaluateCells(task, folders));
  for (const remark of remarks) printStep(remark);
  printResult(json ? JSON.stringify(metrics, null, 1) : metricsTable(task, metrics).join('\n'));
  printStep(`${images} ROIs evaluated; metrics and figures are in ${folders.out}.`);
  return EXIT.done;
}
