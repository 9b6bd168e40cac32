import { resolve } from 'node:path';
import type { Task } from '../../config/tasks.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import { evaluateCells } from '../evaluate/evaluate-cells.ts';
import { evaluateTissue } from '../evaluate/evaluate-tissue.ts';
import { readLabelTranslation } from '../evaluate/label-translation.ts';
import { EXIT, printResult, printStep } from '../output.ts';
import { metricsTable } from '../run/run-report.ts';

export interface EvaluateOptions {
  readonly task: Task;
  readonly data: string;
  readonly predictions: string;
  readonly out: string;
  readonly labels?: string;
  readonly json?: boolean;
}

/** `reignite evaluate`: anybody's predictions under the paper's protocol; no Temporal, no model, no images needed. */
export async function evaluateCommand({ task, json, labels, ...paths }: EvaluateOptions): Promise<number> {
  const folders = { data: resolve(paths.data), predictions: resolve(paths.predictions), out: resolve(paths.out) };
  if (labels !== undefined && task !== 'he') {
    throw new ReigniteError('USAGE', '--labels is for masks: points carry the number of their class.');
  }
  const translation = labels === undefined ? {} : { labels: await readLabelTranslation(resolve(labels)) };
  const { metrics, published, images, remarks } = await (task === 'he'
    ? evaluateTissue({ ...folders, ...translation })
    : evaluateCells(task, folders));
  for (const remark of remarks) printStep(remark);
  printResult(
    json
      ? JSON.stringify(metrics, null, 1)
      : besidePublished(metricsTable(task, metrics), published && metricsTable(task, published)).join('\n'),
  );
  printStep(`${images} ROIs evaluated; metrics and figures are in ${folders.out}.`);
  return EXIT.done;
}

/** The same table with the numbers of the published predictions in a second column; both have the same rows. */
function besidePublished(ours: readonly string[], published: readonly string[] | undefined): readonly string[] {
  if (published === undefined || published.length !== ours.length) return ours;
  const width = Math.max(...ours.map((line) => line.length)) + 2;
  const lastWord = (line: string) => /(\S+)$/.exec(line)?.[1] ?? '';
  return ours.map((line, index) => {
    const beside = published[index] ?? '';
    return /\d$/.test(line) ? `${line.padEnd(width)}published ${lastWord(beside)}` : line;
  });
}
