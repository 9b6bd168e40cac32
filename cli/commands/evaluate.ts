import { resolve } from 'node:path';
import { TASKS, type Task } from '../../config/tasks.ts';
import type { CategoryRule } from '../../toolkit/dataset/category-classes.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import { classesAsked } from '../../toolkit/evaluate/class-names.ts';
import { readLabelTranslation } from '../../toolkit/evaluate/label-translation.ts';
import type { TaskKind } from '../../toolkit/tasks/kind.ts';
import { taskNamed } from '../../toolkit/tasks/task-named.ts';
import { listed } from '../../toolkit/text.ts';
import { evaluationTable } from '../evaluate/evaluation-table.ts';
import { endWhenInterrupted } from '../interruption.ts';
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
  const { takes, scoredClasses, evaluate } = taskNamed(task);
  if (labels !== undefined && !takes.labels) {
    throw new ReigniteError('USAGE', '--labels is for masks: points carry the number of their class.');
  }
  if (categories === 'by-name' && !takes.categories) {
    const fitting = tasksThat((each) => each.takes.categories);
    const cause = `--categories by-name is for ${fitting}: the other tasks take no class from the categories.`;
    throw new ReigniteError('USAGE', cause);
  }
  if (classes !== undefined && scoredClasses === undefined) {
    const fitting = tasksThat((each) => each.scoredClasses !== undefined);
    throw new ReigniteError('USAGE', `--classes is for ${fitting}: ${task} have one class.`);
  }
  endWhenInterrupted('Interrupted: the evaluation is not complete; run the same command to compute it again.');
  const input = {
    data: resolve(options.data),
    predictions: resolve(options.predictions),
    out: resolve(options.out),
    ...(labels !== undefined && { labels: await readLabelTranslation(resolve(labels)) }),
    ...(classes !== undefined && scoredClasses && { classes: classesAsked(task, scoredClasses, classes) }),
    ...(categories && { categories }),
  };
  const { metrics, intervals, images, rows, remarks, classes: subset } = await evaluate(input);
  for (const remark of [...remarks, ...intervals.warnings]) printStep(printable(remark));
  const document = { ...metrics, intervals, ...(subset && { classes: subset }) };
  printResult(json ? JSON.stringify(document, null, 1) : evaluationTable(task, rows).join('\n'));
  printStep(`${images} ${images === 1 ? 'ROI' : 'ROIs'} evaluated; metrics and figures are in ${input.out}.`);
  return EXIT.done;
}

function tasksThat(fits: (task: TaskKind) => boolean): string {
  return listed(TASKS.filter((task) => fits(taskNamed(task))));
}
