import { resolve } from 'node:path';
import type { Task } from '../../config/tasks.ts';
import type { CategoryRule } from '../../toolkit/dataset/category-classes.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import { classesAsked } from '../evaluate/class-names.ts';
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
  readonly classes?: string;
  readonly categories?: CategoryRule;
  readonly json?: boolean;
}

/** `reignite evaluate`: anybody's predictions under the paper's protocol; no Temporal, no model, no images needed. */
export async function evaluateCommand(options: EvaluateOptions): Promise<number> {
  const { task, json, labels, classes, categories } = options;
  if (labels !== undefined && task !== 'he') {
    throw new ReigniteError('USAGE', '--labels is for masks: points carry the number of their class.');
  }
  if (categories === 'by-name' && task !== 'pdl1') {
    throw new ReigniteError(
      'USAGE',
      '--categories by-name is for pdl1: the other tasks take no class from the categories.',
    );
  }
  const input = {
    data: resolve(options.data),
    predictions: resolve(options.predictions),
    out: resolve(options.out),
    ...(labels !== undefined && { labels: await readLabelTranslation(resolve(labels)) }),
    ...(classes !== undefined && { classes: classesAsked(task, classes) }),
  };
  const evaluated = await (task === 'he' ? evaluateTissue(input) : evaluateCells(task, input, categories));
  const { metrics, intervals, images, rows, remarks, classes: subset } = evaluated;
  for (const remark of [...remarks, ...intervals.warnings]) printStep(printable(remark));
  const document = { ...metrics, intervals, ...(subset && { classes: subset }) };
  printResult(json ? JSON.stringify(document, null, 1) : evaluationTable(task, rows).join('\n'));
  printStep(`${images} ${images === 1 ? 'ROI' : 'ROIs'} evaluated; metrics and figures are in ${input.out}.`);
  return EXIT.done;
}
