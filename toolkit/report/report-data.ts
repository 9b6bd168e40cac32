import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { RunConfig } from '../../config/schema.ts';
import { TASKS } from '../../config/tasks.ts';
import type { Provenance } from '../dataset/provenance.ts';
import { ReigniteError } from '../errors.ts';
import { FoldName } from '../nnunet/model-card.ts';
import { LedgerFile } from '../verdict/ledger/ledger-file.ts';
import { CellsVerdictFile, HeVerdictFile } from '../verdict/verdict-file.ts';
import { readConfiguration } from './configuration.ts';
import { type Environment, readEnvironments } from './environment.ts';
import { readStepTimes, type StepTimes } from './step-times.ts';
import { provenanceOf, readSummaryFile, type Summary } from './summary.ts';

export type JudgedTask = z.output<typeof HeVerdictFile> | z.output<typeof CellsVerdictFile>;

/** All that a report tells, from the files of a results folder. */
export interface ReportData {
  /** What was compared: every sentence about a verdict depends on it. */
  readonly provenance: Provenance;
  readonly summary: Summary;
  /** In the order in which results are told. */
  readonly tasks: readonly JudgedTask[];
  readonly ledger: z.output<typeof LedgerFile>['entries'];
  /** Undefined where the run wrote none down. */
  readonly configuration: RunConfig | undefined;
  /** What the run was done on. */
  readonly environments: readonly Environment[];
  readonly times: StepTimes;
  /** Folds of the tissue model that were averaged; none where its passport names none. */
  readonly folds?: readonly z.output<typeof FoldName>[];
}

/** What a report tells of the passport of the tissue model. */
const Passport = z.object({ folds: z.array(FoldName).default([]) });

/**
 * Reads what a closed run left.
 *
 * @throws ReigniteError FILE_MISSING when the folder holds no results.
 */
export async function readReportData(results: string): Promise<ReportData> {
  const summary = await readSummaryFile(results);
  if (summary === undefined) throw new ReigniteError('FILE_MISSING', `${results} holds no summary.json of a run.`);
  const tasks = await Promise.all(
    TASKS.filter((task) => summary.tasks[task] !== undefined).map((task) =>
      readJson(join(results, 'verdict', `${task}.json`), task === 'he' ? HeVerdictFile : CellsVerdictFile),
    ),
  );
  const { folds } = (await readJson(join(results, 'models', 'he.json'), Passport)) ?? { folds: [] };
  const ledger = await readJson(join(results, 'verdict', 'ledger.json'), LedgerFile);
  return {
    provenance: provenanceOf(summary),
    summary,
    tasks: tasks.filter((task) => task !== undefined),
    ledger: ledger?.entries ?? [],
    configuration: await readConfiguration(results),
    environments: await readEnvironments(results),
    times: await readStepTimes(results),
    folds,
  };
}

async function readJson<Schema extends z.ZodType>(path: string, schema: Schema): Promise<z.output<Schema> | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  return text === undefined ? undefined : schema.parse(JSON.parse(text));
}
