import { readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { z } from 'zod';
import { TASK_TITLES, TASKS, type Task } from '../../config/tasks.ts';
import { DetectionMetrics } from '../../toolkit/metrics/agreement-metrics.ts';
import { AgreementRemark, describeRemark } from '../../toolkit/metrics/agreement-remarks.ts';
import { HeMetrics } from '../../toolkit/metrics/he-metrics.ts';
import { type PresentDice, presentDice } from '../../toolkit/metrics/present-dice.ts';
import type { Summary } from '../../toolkit/report/summary.ts';
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
  const metrics = await readJson(join(results, 'metrics', `${task}.json`));
  const remarks = task === 'he' ? [] : await readRemarks(join(results, 'metrics', `${task}.remarks.json`));
  return [`${TASK_TITLES[task]}: ${counts}`, ...failures, ...metricsTable(task, metrics), ...remarks];
}

async function readRemarks(path: string): Promise<string[]> {
  const remarks = z.array(AgreementRemark).parse(await readJson(path));
  // Doubtful categories are a warning of the verdict, which is printed below.
  return remarks.filter(({ kind }) => kind !== 'categories-doubtful').map((remark) => `  ${describeRemark(remark)}`);
}

async function readJson(path: string): Promise<unknown> {
  return JSON.parse(await readFile(path, 'utf8'));
}

/** The numbers of a task, a line each: Dice overall and a class, or F1 of every reader with the AI. */
function metricsTable(task: Task, metrics: unknown): string[] {
  return task === 'he' ? heTable(HeMetrics.parse(metrics)) : f1Table(DetectionMetrics.parse(metrics));
}

function heTable(metrics: HeMetrics): string[] {
  const { all, til } = presentDice(metrics);
  const rows = ({ overall, perClass }: PresentDice) =>
    Object.entries({ Overall: overall, ...perClass }).map(([name, dice]) => row(name, dice, 'absent'));
  return ['  Dice, all classes', ...rows(all), '  Dice, TIL use case', ...rows(til)];
}

function f1Table({ groups }: DetectionMetrics): string[] {
  return Object.entries(groups).flatMap(([group, { readers, f1 }]) => {
    const pairs = (f1['macro'] ?? []).flatMap((scores, i) =>
      scores.flatMap((score, j) => (i < j ? [{ pair: `${readers[i]} | ${readers[j]}`, score }] : [])),
    );
    return [
      `  F1, mean over the classes, ${group}`,
      ...pairs.map(({ pair, score }) => row(pair, score, 'no image in common')),
    ];
  });
}

/** @param without - What is said where there is no number. */
function row(name: string, value: number | null, without: string): string {
  return `  ${name.padEnd(NAME_WIDTH)} ${value?.toFixed(4) ?? without}`;
}
