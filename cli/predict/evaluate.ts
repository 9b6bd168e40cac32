import { resolve } from 'node:path';
import { packageVersion } from '../../config/package-files.ts';
import { TASKS, type Task } from '../../config/tasks.ts';
import type { CategoryRule } from '../../toolkit/dataset/category-classes.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import { classesAsked } from '../../toolkit/evaluate/class-names.ts';
import { evaluationPage, writeEvaluationPage } from '../../toolkit/evaluate/evaluation-page.ts';
import { readLabelTranslation } from '../../toolkit/evaluate/label-translation.ts';
import { listed } from '../../toolkit/format.ts';
import type { TaskKind } from '../../toolkit/tasks/kind.ts';
import { taskNamed } from '../../toolkit/tasks/task-named.ts';
import { endWhenInterrupted } from '../interruption.ts';
import { EXIT, printable, printResult, printStep, resultColumns } from '../output.ts';
import { evaluateBoxesCommand } from './evaluate-boxes.ts';
import { evaluateMasksCommand } from './evaluate-masks.ts';
import { modeOf } from './evaluate-modes.ts';
import { evaluationLines } from './evaluation-lines.ts';
import { tellPage } from './tell-page.ts';

export interface EvaluateOptions {
  readonly task: Task;
  readonly data?: string;
  readonly predictions: string;
  readonly out: string;
  readonly labels?: string;
  readonly classes?: string;
  readonly categories?: CategoryRule;
  /** Annotated boxes as COCO JSON, instead of a record. */
  readonly boxes?: string;
  readonly maxBoxes?: number;
  /** Folder of annotated masks with any labels, instead of a record. */
  readonly masks?: string;
  /** Value of the mask pixels to ignore. */
  readonly ignore?: number;
  readonly json?: boolean;
}

/** `reignite evaluate`: scores existing predictions with the paper's protocol; needs no Temporal, model or images. */
export async function evaluateCommand(options: EvaluateOptions): Promise<number> {
  const { task, data, json, labels, classes, categories, boxes } = options;
  const mode = modeOf(options);
  if (options.masks !== undefined) return evaluateMasksCommand({ ...options, masks: options.masks });
  if (boxes !== undefined) return evaluateBoxesCommand({ ...options, boxes });
  if (data === undefined) throw new ReigniteError('INTERNAL', `evaluate has no --${mode}.`);
  const { takes, scoredClasses, evaluate, scoreName } = taskNamed(task);
  if (labels !== undefined && !takes.labels) {
    throw new ReigniteError('USAGE', '--labels is for masks only; points contain the number of their class.');
  }
  if (categories === 'by-name' && !takes.categories) {
    const fitting = tasksThat((each) => each.takes.categories);
    const cause = `--categories by-name is for ${fitting} only: no other task has several classes of cells.`;
    throw new ReigniteError('USAGE', cause);
  }
  if (classes !== undefined && scoredClasses === undefined) {
    const fitting = tasksThat((each) => each.scoredClasses !== undefined);
    throw new ReigniteError('USAGE', `--classes is for ${fitting} only; ${task} has one class.`);
  }
  endWhenInterrupted('Interrupted: the evaluation is not complete. Run the same command to compute it again.');
  const input = {
    data: resolve(data),
    predictions: resolve(options.predictions),
    out: resolve(options.out),
    ...(labels !== undefined && { labels: await readLabelTranslation(resolve(labels)) }),
    ...(classes !== undefined && scoredClasses && { classes: classesAsked(task, scoredClasses, classes) }),
    ...(categories && { categories }),
  };
  const evaluated = await evaluate(input);
  const { metrics, intervals, images, rows, remarks, classes: subset } = evaluated;
  for (const remark of [...remarks, ...intervals.warnings]) printStep(printable(remark));
  const document = { ...metrics, intervals, ...(subset && { classes: subset }) };
  printResult(json ? JSON.stringify(document, null, 1) : evaluationLines(scoreName, rows, resultColumns()).join('\n'));
  printStep(`${images} ${images === 1 ? 'ROI' : 'ROIs'} evaluated; metrics and figures are in ${input.out}.`);
  const path = evaluationPage(input.out, task);
  await tellPage({ path, write: () => writeEvaluationPage(task, input, evaluated, packageVersion()) });
  return EXIT.done;
}

function tasksThat(fits: (task: TaskKind) => boolean): string {
  return listed(TASKS.filter((task) => fits(taskNamed(task))));
}
