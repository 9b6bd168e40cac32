import { resolve } from 'node:path';
import type { z } from 'zod';
import { CELL_TASKS, type CellTask, type Task, TISSUE_TASKS, type TissueTask } from '../../config/tasks.ts';
import { ReigniteError } from '../errors.ts';
import { DetectionMetrics } from '../metrics/agreement.ts';
import { HeMetrics } from '../metrics/he-metrics.ts';
import type { Summary } from '../report/summary.ts';
import { CellsVerdictFile, HeVerdictFile } from '../verdict/verdict-file.ts';
import { RESULTS } from './results-folder.ts';

/** Results of a run for one task. */
export interface TaskResults<Metrics, Verdict> {
  /** `metrics/<task>.json`. */
  readonly metrics: Metrics;
  /** `verdict/<task>.json`: how the result compares with the published one. */
  readonly verdict: Verdict;
}

/** Scores and verdicts of a results folder. Tasks that were not part of the run are missing. */
export interface RunResults {
  /** The results folder, absolute. */
  readonly folder: string;
  /** `summary.json`: how the run ended, with counts, failures and a verdict per task. */
  readonly summary: Summary;
  readonly tissue: Partial<Record<TissueTask, TaskResults<HeMetrics, z.output<typeof HeVerdictFile>>>>;
  readonly cells: Partial<Record<CellTask, TaskResults<DetectionMetrics, z.output<typeof CellsVerdictFile>>>>;
}

/**
 * Reads summary, metrics and verdicts of a results folder, checked against their schemas.
 *
 * @throws ReigniteError FILE_MISSING when the folder has no summary or lacks a file of a task; ZodError when a file
 *   does not match its schema.
 * @example
 * const { tissue, summary } = await readResults('results/sample');
 * console.log(summary.status, tissue.he?.metrics.all.overall);
 */
export async function readResults(folder: string): Promise<RunResults> {
  const summary = await RESULTS.summary.readIfValid(folder);
  if (summary === undefined) throw new ReigniteError('FILE_MISSING', `${folder} has no summary.json.`);
  const has = (task: Task) => summary.tasks[task] !== undefined;
  const tissue: RunResults['tissue'] = {};
  for (const task of TISSUE_TASKS.filter(has)) tissue[task] = await readTask(folder, task, HeMetrics, HeVerdictFile);
  const cells: RunResults['cells'] = {};
  for (const task of CELL_TASKS.filter(has)) {
    cells[task] = await readTask(folder, task, DetectionMetrics, CellsVerdictFile);
  }
  return { folder: resolve(folder), summary, tissue, cells };
}

async function readTask<Metrics extends z.ZodType, Verdict extends z.ZodType>(
  folder: string,
  task: Task,
  metrics: Metrics,
  verdict: Verdict,
): Promise<TaskResults<z.output<Metrics>, z.output<Verdict>>> {
  return {
    metrics: metrics.parse(await RESULTS.metrics.read(folder, task)),
    verdict: verdict.parse(await RESULTS.verdict.read(folder, task)),
  };
}
