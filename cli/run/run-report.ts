import { readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { TASK_TITLES, TASKS, type Task } from '../../config/tasks.ts';
import type { Summary } from '../../toolkit/report/summary.ts';
import { taskNamed } from '../../toolkit/tasks/task-named.ts';
import { counted } from '../../toolkit/text.ts';
import { failedRoiLines } from './failed-roi.ts';
import { verdictLines } from './verdict-lines.ts';

const NAME_WIDTH = 26;

/** What a person reads at the end of a run: counts and a table a task, and where everything lies. */
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
  const scores = scoreGroups(await readJson(join(results, 'metrics', `${task}.json`))).flatMap((group) => [
    `  ${group.title}`,
    ...group.scores.map(({ name, value }) => row(name, value, group.without)),
  ]);
  const remarks = (await readRemarks(results)).map((remark) => `  ${remark}`);
  return [`${TASK_TITLES[task]}: ${counts}`, ...failures, ...scores, ...remarks];
}

async function readJson(path: string): Promise<unknown> {
  return JSON.parse(await readFile(path, 'utf8'));
}

/** @param without - What is said where there is no number. */
function row(name: string, value: number | null, without: string): string {
  return `  ${name.padEnd(NAME_WIDTH)} ${value?.toFixed(4) ?? without}`;
}
