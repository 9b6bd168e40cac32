import type { z } from 'zod';
import type { RunConfig } from '../../config/schema.ts';
import { TASKS, type Task } from '../../config/tasks.ts';
import type { Verified } from '../cache/receipts.ts';
import type { Provenance } from '../dataset/provenance.ts';
import { ReigniteError } from '../errors.ts';
import { readJsonFile } from '../files/text-file.ts';
import { RESULTS, readEnvironments } from '../results/results-folder.ts';
import { taskNamed } from '../tasks/task-named.ts';
import { UsedModel } from '../tasks/work.ts';
import type { DiscrepanciesFile } from '../verdict/discrepancies/discrepancies-file.ts';
import type { CellsVerdictFile, HeVerdictFile } from '../verdict/verdict-file.ts';
import { readConfiguration } from './configuration.ts';
import type { Environment } from './environment.ts';
import { provenanceOf, type Summary } from './summary.ts';
import { readStepTimes, type StepTimes } from './trace.ts';

export type JudgedTask = z.output<typeof HeVerdictFile> | z.output<typeof CellsVerdictFile>;

/** All data of a report, from the files of a results folder. */
export interface ReportData {
  /** What was compared. The wording of verdicts depends on it. */
  readonly provenance: Provenance;
  readonly summary: Summary;
  /** In display order. */
  readonly tasks: readonly JudgedTask[];
  readonly discrepancies: z.output<typeof DiscrepanciesFile>['entries'];
  /** Undefined if the run wrote no valid one. */
  readonly configuration: RunConfig | undefined;
  /** Machines that worked on the run. */
  readonly environments: readonly Environment[];
  readonly times: StepTimes;
  /** Model summaries by task. */
  readonly models: Readonly<Partial<Record<Task, UsedModel>>>;
  /** How each file of the record was verified; empty if nothing was fetched. */
  readonly verified: readonly Verified[];
}

/**
 * Reads the data of a report from the results folder of a closed run.
 *
 * @throws ReigniteError FILE_MISSING when the folder contains no results.
 */
export async function readReportData(results: string): Promise<ReportData> {
  const summary = await RESULTS.summary.readIfValid(results);
  if (summary === undefined) {
    throw new ReigniteError('FILE_MISSING', `${results} has no summary.json of a run, or a damaged one.`, {
      remedy: 'Check that the folder is the right one. If it is, run the same `npx reignite run` command again.',
    });
  }
  const tasks = await Promise.all(
    TASKS.filter((task) => summary.tasks[task] !== undefined).map((task) => judgedTask(results, task)),
  );
  const models = await Promise.all(
    TASKS.map(async (task) => [task, await readJsonFile(RESULTS.model.in(results, task), UsedModel)] as const),
  );
  const acquired = await RESULTS.acquisition.readIfThere(results);
  const discrepancies = await RESULTS.discrepancies.readIfThere(results);
  return {
    provenance: provenanceOf(summary),
    summary,
    tasks: tasks.filter((task) => task !== undefined),
    discrepancies: discrepancies?.entries ?? [],
    configuration: await readConfiguration(results),
    environments: await readEnvironments(results),
    times: await readStepTimes(results),
    models: Object.fromEntries(models.filter(([, model]) => model !== undefined)),
    verified: acquired?.files.map(({ verified }) => verified) ?? [],
  };
}

async function judgedTask(results: string, task: Task): Promise<JudgedTask | undefined> {
  return readJsonFile(RESULTS.verdict.in(results, task), taskNamed(task).verdictFile);
}
