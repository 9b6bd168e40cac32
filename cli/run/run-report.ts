import { join, relative } from 'node:path';
import { z } from 'zod';
import { TASK_TITLES, TASKS, type Task } from '../../config/tasks.ts';
import { comparedText, type RecordKind, verdictText } from '../../toolkit/dataset/provenance.ts';
import { remedyOf } from '../../toolkit/errors.ts';
import { counted } from '../../toolkit/format.ts';
import { provenanceOf, type Summary, type TaskSummary } from '../../toolkit/report/summary.ts';
import { RESULTS } from '../../toolkit/results/results-folder.ts';
import { taskNamed } from '../../toolkit/tasks/task-named.ts';
import { EvaluationVerdict, type Verdict } from '../../toolkit/verdict/verdict-file.ts';

/** An ROI that failed, with what a person can do about it. */
export function failedRoiLines({ roi, code, cause, remedy }: TaskSummary['failures'][number]): string[] {
  return [`  ${roi}: ${code}: ${cause}`, `    ${remedy ?? remedyOf(code)}`];
}

const Reasons = z.object({
  evaluation: EvaluationVerdict,
  inference: EvaluationVerdict,
  warnings: z.array(z.string()).default([]),
});

/** How a warning begins that makes the numbers above it doubtful. */
const LOUD = 'WARNING: ';

const TITLE_WIDTH = 26;
const WORST_SHOWN = 3;

/** What a run found out, a verdict per task with its reasons: the last thing that a person reads. */
export async function verdictLines(summary: Summary, results: string): Promise<string[]> {
  const provenance = provenanceOf(summary);
  const sections = await Promise.all(
    TASKS.map(async (task) => {
      const of = summary.tasks[task];
      return of === undefined ? [] : linesOf(task, of, results, provenance.kind);
    }),
  );
  return [`Verdict on ${comparedText(provenance, summary.record)}`, ...sections.flat()];
}

async function linesOf(
  task: Task,
  { verdict, worst }: Summary['tasks'][string],
  results: string,
  kind: RecordKind,
): Promise<string[]> {
  const said = (each: Verdict) => verdictText(kind, each);
  const { evaluation, inference, warnings } = Reasons.parse(await RESULTS.verdict.read(results, task));
  const named = worst.slice(0, WORST_SHOWN).map(({ roi, difference }) => `${roi} (${percent(difference)})`);
  return [
    `  ${TASK_TITLES[task].padEnd(TITLE_WIDTH)} ${said(verdict)}`,
    `    published predictions scored here: ${said(evaluation.verdict)}. ${evaluation.reason}`,
    `    our predictions against the published ones: ${said(inference.verdict)}. ${inference.reason}`,
    ...warnings.filter((warning) => warning.startsWith(LOUD)).map((warning) => `    ${warning}`),
    ...(named.length === 0 ? [] : [`    differ most: ${named.join(', ')}`]),
  ];
}

function percent(share: number): string {
  return `${(100 * share).toPrecision(2)} %`;
}

const NAME_WIDTH = 26;

/** The text at the end of a run: counts, a table per task, and where the files are. */
export async function runReport(summary: Summary, results: string): Promise<string> {
  const sections = await Promise.all(TASKS.map((task) => taskSection(task, summary, results)));
  const place = (path: string) => relative(process.cwd(), join(results, path)) || '.';
  return [
    ...sections.flat(),
    `Status: ${summary.status}`,
    `Predictions  ${place('inference')}`,
    `Metrics      ${place('metrics')}`,
    `Figures      ${place('figures')}`,
    `Report       ${place('report/index.html')}`,
    ...(await verdictLines(summary, results)),
  ].join('\n');
}

async function taskSection(task: Task, { tasks }: Summary, results: string): Promise<string[]> {
  const summary = tasks[task];
  if (summary === undefined) return [];
  const { total, computed, cached, failed } = summary.rois;
  const counts = `${counted(total, 'ROI')}: ${computed} computed, ${cached} from the cache, ${failed} failed`;
  const failures = summary.failures.flatMap(failedRoiLines);
  const { scoreGroups, readRemarks } = taskNamed(task);
  const scores = scoreGroups(await RESULTS.metrics.read(results, task)).flatMap((group) => [
    `  ${group.title}`,
    ...group.scores.map(({ name, value }) => row(name, value, group.without)),
  ]);
  const remarks = (await readRemarks(results)).map((remark) => `  ${remark}`);
  return [`${TASK_TITLES[task]}: ${counts}`, ...failures, ...scores, ...remarks];
}

/** @param without - What is said where there is no number. */
function row(name: string, value: number | null, without: string): string {
  return `  ${name.padEnd(NAME_WIDTH)} ${value?.toFixed(4) ?? without}`;
}
