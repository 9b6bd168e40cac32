import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { RunConfig } from '../../config/schema.ts';
import { TASKS, type Task } from '../../config/tasks.ts';
import { Verified } from '../cache/receipts.ts';
import type { Provenance } from '../dataset/provenance.ts';
import { ReigniteError } from '../errors.ts';
import { FoldName } from '../nnunet/model-card.ts';
import { taskNamed } from '../tasks/task-named.ts';
import { DiscrepanciesFile } from '../verdict/discrepancies/discrepancies-file.ts';
import type { CellsVerdictFile, HeVerdictFile } from '../verdict/verdict-file.ts';
import { readConfiguration } from './configuration.ts';
import { type Environment, readEnvironments } from './environment.ts';
import { provenanceOf, readSummaryFile, type Summary } from './summary.ts';
import { readStepTimes, type StepTimes } from './trace.ts';

/** Sizes, MD5 and SHA-256 of the record's files as they were fetched, and of all that was unpacked of them. */
export const ACQUISITION_FILE = 'acquisition.json';

export type JudgedTask = z.output<typeof HeVerdictFile> | z.output<typeof CellsVerdictFile>;

/** All that a report tells, from the files of a results folder. */
export interface ReportData {
  /** What was compared: every sentence about a verdict depends on it. */
  readonly provenance: Provenance;
  readonly summary: Summary;
  /** In the order in which results are shown. */
  readonly tasks: readonly JudgedTask[];
  readonly discrepancies: z.output<typeof DiscrepanciesFile>['entries'];
  /** Undefined where the run wrote none down. */
  readonly configuration: RunConfig | undefined;
  /** What the run was done on. */
  readonly environments: readonly Environment[];
  readonly times: StepTimes;
  /** What the passports of the models say. */
  readonly models: Readonly<Partial<Record<Task, UsedModel>>>;
  /** How the files of the record were verified; none where nothing was fetched. */
  readonly verified: readonly Verified[];
}

/** What a report needs of the passport of a model. */
const UsedModel = z.object({
  kind: z.string(),
  folds: z.array(FoldName).default([]),
  architecture: z.object({ mirrorAxes: z.array(z.number()).exactOptional() }).exactOptional(),
  input: z.object({ shape: z.array(z.number()) }),
});
export type UsedModel = z.output<typeof UsedModel>;

const Acquired = z.object({ files: z.array(z.object({ verified: Verified })).default([]) });

/**
 * Reads what a closed run left.
 *
 * @throws ReigniteError FILE_MISSING when the folder holds no results.
 */
export async function readReportData(results: string): Promise<ReportData> {
  const summary = await readSummaryFile(results);
  if (summary === undefined) throw new ReigniteError('FILE_MISSING', `${results} has no summary.json of a run.`);
  const tasks = await Promise.all(
    TASKS.filter((task) => summary.tasks[task] !== undefined).map((task) =>
      readJson(join(results, 'verdict', `${task}.json`), taskNamed(task).verdictFile),
    ),
  );
  const models = await Promise.all(
    TASKS.map(async (task) => [task, await readJson(join(results, 'models', `${task}.json`), UsedModel)] as const),
  );
  const acquired = await readJson(join(results, ACQUISITION_FILE), Acquired);
  const discrepancies = await readJson(join(results, 'verdict', 'discrepancies.json'), DiscrepanciesFile);
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

async function readJson<Schema extends z.ZodType>(path: string, schema: Schema): Promise<z.output<Schema> | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  return text === undefined ? undefined : schema.parse(JSON.parse(text));
}
