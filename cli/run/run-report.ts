import { join, relative } from 'node:path';
import { z } from 'zod';
import { TASK_TITLES, TASKS, type Task } from '../../config/tasks.ts';
import { comparedText, type RecordKind, verdictText } from '../../toolkit/dataset/provenance.ts';
import { remedyOf } from '../../toolkit/errors.ts';
import { counted, percentText } from '../../toolkit/format.ts';
import { provenanceOf, type Summary, type TaskSummary } from '../../toolkit/report/summary.ts';
import { RESULTS } from '../../toolkit/results/results-folder.ts';
import { headlineScores, taskNamed } from '../../toolkit/tasks/task-named.ts';
import { EvaluationVerdict, type Verdict } from '../../toolkit/verdict/verdict-file.ts';

/** Formats a failed ROI, with what the user can do about it. */
export function failedRoiLines({ roi, code, cause, remedy }: TaskSummary['failures'][number]): string[] {
  return [`  ${roi}: ${code}: ${cause}`, `    ${remedy ?? remedyOf(code)}`];
}

const Reasons = z.object({
  evaluation: EvaluationVerdict,
  inference: EvaluationVerdict,
  warnings: z.array(z.string()).default([]),
});

/** Prefix of a warning that makes the numbers above it doubtful. */
const LOUD = 'WARNING: ';

const TITLE_WIDTH = 26;
const WORST_SHOWN = 3;

/**
 * Formats the verdict of each task; empty if no task has one.
 *
 * @param isWhole - Whether to give reasons for every verdict, not only for those other than `reproduced`.
 */
export async function verdictLines(summary: Summary, results: string, isWhole: boolean): Promise<string[]> {
  const provenance = provenanceOf(summary);
  const sections = await Promise.all(
    TASKS.map(async (task) => {
      const of = summary.tasks[task];
      return of === undefined ? [] : linesOf(task, of, results, provenance.kind, isWhole);
    }),
  );
  const lines = sections.flat();
  return lines.length === 0 ? [] : [`Verdict on ${comparedText(provenance, summary.record)}`, ...lines];
}

async function linesOf(
  task: Task,
  { verdict, worst, rois, failures, engine }: Summary['tasks'][string],
  results: string,
  kind: RecordKind,
  isWhole: boolean,
): Promise<string[]> {
  const said = (each: Verdict) => verdictText(kind, each);
  const file = taskNamed(task).verdictFile.parse(await RESULTS.verdict.read(results, task));
  const reasons = Reasons.parse(file);
  const { total, computed, cached, failed } = rois;
  const isReasoned = isWhole || verdict !== 'reproduced';
  const named = worst.slice(0, WORST_SHOWN).map(({ roi, difference }) => `${roi} (${percentText(difference)})`);
  return [
    `  ${TASK_TITLES[task].padEnd(TITLE_WIDTH)} ${said(verdict)}`,
    ...headlineScores(task, file).map((score) => `    ${score}`),
    `    ${counted(total, 'ROI')}: ${computed} computed, ${cached} from the cache, ${failed} failed`,
    ...(engine === undefined
      ? []
      : [`    with the ${engine.engine} engine: ${engine.precision} on ${engine.provider}`]),
    ...failures.flatMap(failedRoiLines).map((line) => `  ${line}`),
    ...(isReasoned ? reasonLines(reasons, kind).map((line) => `    ${line}`) : []),
    ...reasons.warnings.filter((warning) => warning.startsWith(LOUD)).map((warning) => `    ${warning}`),
    ...(named.length === 0 || !isReasoned ? [] : [`    differ most: ${named.join(', ')}`]),
  ];
}

function reasonLines({ evaluation, inference }: z.output<typeof Reasons>, kind: RecordKind): string[] {
  return [
    `published predictions scored here: ${verdictText(kind, evaluation.verdict)}. ${evaluation.reason}`,
    `reproduced predictions against the published ones: ${verdictText(kind, inference.verdict)}. ${inference.reason}`,
  ];
}

/** Formats the reasons of both verdicts of a task; empty without a valid verdict file in the results folder. */
export async function verdictReasons(task: Task, results: string, kind: RecordKind): Promise<string[]> {
  const { data } = Reasons.safeParse(await RESULTS.verdict.readIfValid(results, task));
  return data === undefined ? [] : reasonLines(data, kind);
}

const NAME_WIDTH = 26;

/**
 * Formats the text at the end of a run: the verdict first, then the paths of the files.
 *
 * @param isWhole - Whether to include every score and every reason.
 */
export async function runReport(summary: Summary, results: string, isWhole: boolean): Promise<string> {
  const sections = await Promise.all(TASKS.map((task) => scoreLines(task, summary, results)));
  const place = (path: string) => relative(process.cwd(), join(results, path)) || '.';
  return [
    ...(await verdictLines(summary, results, isWhole)),
    ...(isWhole ? sections.flatMap(({ scores }) => scores) : []),
    ...sections.flatMap(({ remarks }) => remarks),
    `Status: ${summary.status}`,
    `Report       ${place('report/index.html')}`,
    `Predictions  ${place('inference')}`,
    `Metrics      ${place('metrics')}`,
    `Figures      ${place('figures')}`,
    ...(isWhole ? [] : ['All scores and reasons: the report, or the same command with `--verbose`.']),
  ].join('\n');
}

interface TaskScores {
  readonly scores: readonly string[];
  /** Remarks on what the numbers leave out; always shown. */
  readonly remarks: readonly string[];
}

async function scoreLines(task: Task, { tasks }: Summary, results: string): Promise<TaskScores> {
  if (tasks[task] === undefined) return { scores: [], remarks: [] };
  const { scoreGroups, readRemarks } = taskNamed(task);
  const groups = scoreGroups(await RESULTS.metrics.read(results, task));
  return {
    scores: [
      `${TASK_TITLES[task]}`,
      ...groups.flatMap((group) => [
        `  ${group.title}`,
        ...group.scores.map(({ name, value }) => row(name, value, group.without)),
      ]),
    ],
    remarks: (await readRemarks(results)).map((remark) => `${TASK_TITLES[task]}: ${remark}`),
  };
}

/** @param without - Text if there is no number. */
function row(name: string, value: number | null, without: string): string {
  return `  ${name.padEnd(NAME_WIDTH)} ${value?.toFixed(4) ?? without}`;
}
