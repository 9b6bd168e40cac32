import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { TASK_TITLES, TASKS, type Task } from '../../config/tasks.ts';
import { comparedText, type RecordKind, verdictText } from '../../toolkit/dataset/provenance.ts';
import { provenanceOf, type Summary } from '../../toolkit/report/summary.ts';
import type { Verdict } from '../../toolkit/verdict/verdict.ts';
import { EvaluationVerdict } from '../../toolkit/verdict/verdict-file.ts';

const Reasons = z.object({
  evaluation: EvaluationVerdict,
  inference: EvaluationVerdict,
  warnings: z.array(z.string()).default([]),
});

/** How a warning begins that makes the numbers above it doubtful. */
const LOUD = 'WARNING: ';

const TITLE_WIDTH = 26;
const WORST_SHOWN = 3;

/** What a run found out, a verdict a task with its reasons: the last thing that a person reads. */
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
  const text = await readFile(join(results, 'verdict', `${task}.json`), 'utf8');
  const { evaluation, inference, warnings } = Reasons.parse(JSON.parse(text));
  const named = worst.slice(0, WORST_SHOWN).map(({ roi, difference }) => `${roi} (${percent(difference)})`);
  return [
    `  ${TASK_TITLES[task].padEnd(TITLE_WIDTH)} ${said(verdict)}`,
    `    published predictions scored here: ${said(evaluation.verdict)}. ${evaluation.reason}`,
    `    our predictions beside them: ${said(inference.verdict)}. ${inference.reason}`,
    ...warnings.filter((warning) => warning.startsWith(LOUD)).map((warning) => `    ${warning}`),
    ...(named.length === 0 ? [] : [`    differ most: ${named.join(', ')}`]),
  ];
}

function percent(share: number): string {
  return `${(100 * share).toPrecision(2)} %`;
}
