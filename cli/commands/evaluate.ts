import { resolve } from 'node:path';
import type { Task } from '../../config/tasks.ts';
import type { CategoryRule } from '../../toolkit/dataset/category-classes.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import { evaluateCells } from '../evaluate/evaluate-cells.ts';
import { evaluateTissue } from '../evaluate/evaluate-tissue.ts';
import { evaluationTable } from '../evaluate/evaluation-table.ts';
import { readLabelTranslation } from '../evaluate/label-translation.ts';
import { EXIT, printable, printResult, printStep } from '../output.ts';

export interface EvaluateOptions {
  readonly task: Task;
  readonly data: string;
  readonly predictions: string;
  readonly out: string;
  readonly labels?: string;
  readonly categories?: CategoryRule;
  readonly json?: boolean;
}

/** `reignite evaluate`: anybody's predictions under the paper's protocol; no Temporal, no model, no images needed. */
export async function evaluateCommand({ task, json, labels, categories, ...paths }: EvaluateOptions): Promise<number> {
  const folders = { data: resolve(paths.data), predictions: resolve(paths.predictions), out: resolve(paths.out) };
  if (labels !== undefined && task !== 'he') {
    throw new ReigniteError('USAGE', '--labels is for masks: points carry the number of their class.');
  }
  if (categories === 'by-name' && task !== 'pdl1') {
    throw new ReigniteError(
      'USAGE',
      '--categories by-name is for pdl1: the other tasks take no class from the categories.',
    );
  }
  const translation = labels === undefined ? {} : { labels: await readLabelTranslation(resolve(labels)) };
  const evaluated = await (task === 'he'
    ? evaluateTissue({ ...folders, ...translation })
    : evaluateCells(task, folders, categories));
  const { metrics, intervals, images, remarks } = evaluated;
  for (const remark of [...remarks, ...intervals.warnings]) printStep(printable(remark));
  printResult(
    json
      ? JSON.stringify({ ...metrics, intervals }, null, 1)
      : evaluationTable(task, { ...evaluated, intervals: intervals.intervals }).join('\n'),
  );
  printStep(`${images} ROIs evaluated; metrics and figures are in ${folders.out}.`);
  return EXIT.done;
}
