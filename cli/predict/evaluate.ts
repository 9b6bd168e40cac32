import { basename, resolve } from 'node:path';
import { packageVersion } from '../../config/package-files.ts';
import { CELL_TASKS, TASKS, type Task, TISSUE_TASKS } from '../../config/tasks.ts';
import type { CategoryRule } from '../../toolkit/dataset/category-classes.ts';
import { readLabelMap, readLabelTranslation } from '../../toolkit/dataset/tissue-labels.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import {
  boxesPage,
  type EvaluatedBoxes,
  evaluateBoxes,
  writeBoxesPage,
} from '../../toolkit/evaluate/evaluate-boxes.ts';
import { type EvaluatedMasks, evaluateMasks, LARGEST_VALUE } from '../../toolkit/evaluate/evaluate-masks.ts';
import { evaluationPage, writeEvaluationPage } from '../../toolkit/evaluate/evaluation-page.ts';
import { counted, listed } from '../../toolkit/format.ts';
import { classesAsked } from '../../toolkit/metrics/class-subset.ts';
import type { TaskKind } from '../../toolkit/tasks/kind.ts';
import { taskNamed } from '../../toolkit/tasks/task-named.ts';
import type { ScoreRow } from '../../toolkit/tasks/work.ts';
import { endWhenInterrupted } from '../interruption.ts';
import { EXIT, printable, printResult, printStep, resultColumns } from '../output.ts';
import { printPage } from './print-prediction.ts';

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
  await printPage({ path, write: () => writeEvaluationPage(task, input, evaluated, packageVersion()) });
  return EXIT.done;
}

function tasksThat(fits: (task: TaskKind) => boolean): string {
  return listed(TASKS.filter((task) => fits(taskNamed(task))));
}

interface EvaluateBoxesOptions {
  readonly boxes: string;
  readonly predictions: string;
  readonly out: string;
  readonly maxBoxes?: number;
  readonly json?: boolean;
}

const MAX_BOXES = 1_000_000;
const NAME_WIDTH = 28;

/** `reignite evaluate --boxes`: average precision of boxes as COCO defines it. */
async function evaluateBoxesCommand(options: EvaluateBoxesOptions): Promise<number> {
  const { boxes, predictions, out, maxBoxes, json } = options;
  if (maxBoxes !== undefined && !(Number.isInteger(maxBoxes) && maxBoxes >= 1 && maxBoxes <= MAX_BOXES)) {
    throw new ReigniteError('USAGE', `Expected --max-boxes from 1 to ${MAX_BOXES}, got ${maxBoxes}.`);
  }
  const evaluated = await evaluateBoxes({
    truth: resolve(boxes),
    predictions: resolve(predictions),
    out: resolve(out),
    ...(maxBoxes !== undefined && { limit: maxBoxes }),
  });
  for (const remark of evaluated.remarks) printStep(printable(remark));
  printResult(
    json ? JSON.stringify(evaluated.metrics, null, 1) : boxesTable(evaluated.metrics).map(printable).join('\n'),
  );
  const names = { predictions: basename(predictions), truth: basename(boxes) };
  printStep(`${counted(evaluated.images, 'image')} evaluated; metrics are in ${resolve(out)}.`);
  const write = () => writeBoxesPage(resolve(out), evaluated, names, packageVersion());
  await printPage({ path: boxesPage(resolve(out)), write });
  return EXIT.done;
}

function boxesTable({ map50, map5095, classes }: EvaluatedBoxes['metrics']): string[] {
  const row = (name: string, ap50: number | null, ap5095: number | null, objects: number) =>
    `  ${name.padEnd(NAME_WIDTH)} ${number(ap50)}  ${number(ap5095)}  ${String(objects).padStart(7)}`;
  const objects = classes.reduce((sum, each) => sum + each.objects, 0);
  return [
    `  ${''.padEnd(NAME_WIDTH)} mAP50   mAP50-95  objects`,
    row('All classes', map50, map5095, objects),
    ...classes.map(({ name, ap50, ap5095, objects: of }) => row(name, ap50, ap5095, of)),
  ];
}

function number(value: number | null): string {
  return value === null ? 'absent' : value.toFixed(4);
}

interface EvaluateMasksOptions {
  readonly masks: string;
  readonly predictions: string;
  readonly out: string;
  readonly labels?: string;
  readonly ignore?: number;
  readonly json?: boolean;
}

/** `reignite evaluate --masks`: Dice of masks with any labels. */
async function evaluateMasksCommand(options: EvaluateMasksOptions): Promise<number> {
  const { masks, predictions, out, labels, ignore, json } = options;
  if (ignore !== undefined && !(Number.isInteger(ignore) && ignore >= 0 && ignore <= LARGEST_VALUE)) {
    throw new ReigniteError('USAGE', `Expected --ignore from 0 to ${LARGEST_VALUE}, got ${ignore}.`);
  }
  const { metrics, remarks } = await evaluateMasks({
    truth: resolve(masks),
    predictions: resolve(predictions),
    out: resolve(out),
    ...(labels !== undefined && { labels: await readLabelMap(resolve(labels), LARGEST_VALUE) }),
    ...(ignore !== undefined && { ignore }),
  });
  for (const remark of remarks) printStep(printable(remark));
  printResult(json ? JSON.stringify(metrics, null, 1) : masksTable(metrics).map(printable).join('\n'));
  printStep(`${counted(metrics.images, 'mask')} evaluated; metrics are in ${resolve(out)}.`);
  return EXIT.done;
}

function masksTable({ labels, meanDice }: EvaluatedMasks['metrics']): string[] {
  const width = Math.max(...labels.map(({ name }) => name.length), 'Mean without 0'.length);
  return [
    `  ${''.padEnd(width)}  Dice    mean over images  images`,
    `  ${'Mean without 0'.padEnd(width)}  ${number(meanDice)}`,
    ...labels.map(
      ({ name, dice, meanOverImages, images }) =>
        `  ${name.padEnd(width)}  ${number(dice)}  ${number(meanOverImages).padEnd(16)}  ${images}`,
    ),
  ];
}

/**
 * Formats the scores of an evaluation as a table: on a narrow terminal without the difference, and on an even narrower
 * one with the numbers below each name.
 *
 * @param score - Dice or F1.
 * @param columns - Width of the terminal; undefined if the output is not a terminal.
 */
export function evaluationLines(
  score: string,
  rows: readonly ScoreRow[],
  columns = Number.POSITIVE_INFINITY,
): string[] {
  const fields = fieldsOf(score, rows);
  const few = fields.flatMap((field) => (field.isExtra ? [] : [{ ...field, head: field.shortHead ?? field.head }]));
  const layouts = [fields, few].map((shown) => tableOf(rows, shown));
  const fitting = layouts.find((lines) => lines.every((line) => line.length <= columns));
  return fitting ?? rows.flatMap((row) => belowName(row, fields));
}

/** A column of the table. */
interface Field {
  readonly head: string;
  readonly shortHead?: string;
  readonly width: number;
  /** Whether to leave it out if there is little room. */
  readonly isExtra?: boolean;
  readonly text: (row: ScoreRow) => string;
}

function fieldsOf(score: string, rows: readonly ScoreRow[]): readonly Field[] {
  const isCompared = rows.some(({ published }) => published !== undefined);
  const hasMissed = rows.some(({ missed }) => missed !== undefined);
  return [
    { head: score, width: 6, text: ({ value, without }) => value?.toFixed(4) ?? without },
    { head: '95 % interval', width: 16, text: rangeOf },
    ...(isCompared
      ? [
          {
            head: 'published',
            width: 9,
            text: ({ value, published }: ScoreRow) => decimal(value === null ? null : published),
          },
          { head: 'difference', width: 10, isExtra: true, text: differenceOf },
        ]
      : []),
    ...(hasMissed
      ? [
          {
            head: 'unpredicted as missed',
            shortHead: 'as missed',
            width: 0,
            text: ({ value, missed }: ScoreRow) => decimal(value === null ? null : missed),
          },
        ]
      : []),
  ];
}

function tableOf(rows: readonly ScoreRow[], fields: readonly Field[]): string[] {
  const label = Math.max(...rows.map((row) => row.label.length));
  const line = (name: string, cells: readonly string[]) =>
    `  ${[name.padEnd(label), ...cells.map((cell, k) => cell.padEnd(fields[k]?.width ?? 0))].join('  ')}`.trimEnd();
  const head = line(
    '',
    fields.map((field) => field.head),
  );
  return [
    head,
    ...rows.map((row) =>
      line(
        row.label,
        fields.map(({ text }) => text(row)),
      ),
    ),
  ];
}

function belowName(row: ScoreRow, [score, interval, ...others]: readonly Field[]): string[] {
  const range = interval?.text(row) ?? '';
  const more = others.flatMap(({ head, text }) => (text(row) === '' ? [] : [`    ${head} ${text(row)}`]));
  return [`  ${row.label}`, `    ${score?.text(row) ?? ''}${range === '' ? '' : ` (${range})`}`, ...more];
}

function rangeOf({ interval }: ScoreRow): string {
  return interval === undefined ? '' : `${interval.low.toFixed(4)} to ${interval.high.toFixed(4)}`;
}

function differenceOf({ value, published = null }: ScoreRow): string {
  if (value === null || published === null) return '';
  const difference = value - published;
  return `${difference < 0 ? '-' : '+'}${Math.abs(difference).toFixed(4)}`;
}

function decimal(value: number | null | undefined): string {
  return value?.toFixed(4) ?? '';
}

/** What predictions are scored against: a record, annotated masks or annotated boxes. */
type EvaluateMode = 'data' | 'masks' | 'boxes';

/** The modes in which each option applies. The other options apply in all modes. */
const MODES_OF = {
  data: ['data'],
  masks: ['masks'],
  boxes: ['boxes'],
  labels: ['data', 'masks'],
  classes: ['data'],
  categories: ['data'],
  ignore: ['masks'],
  maxBoxes: ['boxes'],
} as const satisfies Readonly<Record<string, readonly EvaluateMode[]>>;

/** The tasks that a mode can score, and what the others do not have. */
const TASKS_OF = {
  masks: { tasks: TISSUE_TASKS, without: 'masks', remedy: 'For annotated boxes, use `--boxes FILE`.' },
  boxes: { tasks: CELL_TASKS, without: 'boxes', remedy: 'For annotated masks, use `--masks DIR`.' },
} as const;

type ModeOption = keyof typeof MODES_OF;
type ModeOptions = { readonly [Name in ModeOption]?: unknown } & { readonly task: Task };

/**
 * Finds the mode of `evaluate` and refuses options that do not apply in it.
 *
 * @throws ReigniteError USAGE that names the option and the mode; USAGE for a task that the mode cannot score.
 * @example modeOf({ task: 'he', masks: 'annotated' }) // 'masks'
 */
export function modeOf(options: ModeOptions): EvaluateMode {
  const mode = (['masks', 'boxes', 'data'] as const).find((each) => options[each] !== undefined);
  if (mode === undefined) {
    throw new ReigniteError(
      'USAGE',
      'evaluate needs --data, --masks for annotated masks, or --boxes for annotated boxes.',
    );
  }
  for (const [name, modes] of Object.entries(MODES_OF)) {
    if (givenIn(options, name) && !modes.some((each) => each === mode)) throw misplaced(name, modes, mode);
  }
  if (mode === 'data') return mode;
  const { tasks, without, remedy } = TASKS_OF[mode];
  if (tasks.some((task) => task === options.task)) return mode;
  throw new ReigniteError('USAGE', `--${mode} is for ${listed(tasks)} only; ${options.task} has no ${without}.`, {
    remedy,
  });
}

function givenIn(options: ModeOptions, name: string): boolean {
  return Reflect.get(options, name) !== undefined;
}

function misplaced(name: string, modes: readonly EvaluateMode[], mode: EvaluateMode): ReigniteError {
  const option = `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  if (modes.some((each) => each === name)) {
    return new ReigniteError('USAGE', `${option} and --${mode} exclude each other.`);
  }
  const fitting = modes.map((each) => `--${each}`).join(' or ');
  return new ReigniteError('USAGE', `${option} is for ${fitting}; it does not apply with --${mode}.`);
}
