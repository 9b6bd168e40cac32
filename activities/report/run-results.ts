import { existsSync } from 'node:fs';
import { readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Context } from '@temporalio/activity';
import { z } from 'zod';
import { packageVersion } from '../../config/package-files.ts';
import { Receipts } from '../../toolkit/cache/receipts.ts';
import { comparedText, readProvenance } from '../../toolkit/dataset/provenance.ts';
import { remedyOf } from '../../toolkit/errors.ts';
import { writeFileAtomic } from '../../toolkit/files/atomic-write.ts';
import { asDiskError } from '../../toolkit/files/file-access.ts';
import { type HomeFolders, makeFolder } from '../../toolkit/files/folders.ts';
import { writeConfiguration } from '../../toolkit/report/configuration.ts';
import { environment } from '../../toolkit/report/environment.ts';
import { RunIntervention, RunStatus, type TaskSummary } from '../../toolkit/report/summary.ts';
import { RESULTS, recordEnvironment } from '../../toolkit/results/results-folder.ts';
import { Verdict, VerdictEngine, Worst } from '../../toolkit/verdict/verdict-file.ts';
import { RunInput, StageRef } from '../inputs.ts';
import { TaskFiles } from '../task/task-files.ts';

export type { RunStatus } from '../../toolkit/report/summary.ts';

/**
 * Claims a results folder for a run and writes the run's configuration to it. A folder of another configuration is
 * moved aside, never overwritten.
 *
 * @returns The new path of the earlier folder, if there was one.
 */
export async function openResults(input: RunInput): Promise<{ readonly movedTo?: string }> {
  const { config, digest, folders } = RunInput.parse(input);
  const { results } = folders;
  const earlier = await RESULTS.summary.readIfValid(results);
  const movedTo = earlier === undefined || earlier.digest === digest ? undefined : freeName(results, earlier.digest);
  try {
    if (movedTo !== undefined) await rename(results, movedTo);
    await makeFolder(dirname(results));
    // It describes the files of the earlier execution; the report writes a new one.
    await rm(RESULTS.manifest.in(results), { force: true });
  } catch (error) {
    throw asDiskError(error, results);
  }
  const run = Context.current().info.workflowExecution?.workflowId ?? '';
  const { record, name: profile } = config;
  const generation = folders.generation === undefined ? {} : { generation: folders.generation };
  await RESULTS.summary.write(results, { run, record, profile, digest, status: 'running', tasks: {}, ...generation });
  await writeConfiguration(results, config);
  await recordEnvironment(results, environment('orchestration', packageVersion()));
  return movedTo === undefined ? {} : { movedTo };
}

function freeName(results: string, digest: string): string {
  const base = `${results}.${digest}`;
  for (let n = 1; ; n++) {
    const name = n === 1 ? base : `${base}.${n}`;
    if (!existsSync(name)) return name;
  }
}

/** The outcome of a task. Its failures are on disk, one file per batch. */
export const TaskOutcome = z.object({
  stage: StageRef,
  batches: z.int().min(0),
  total: z.int().min(0),
  cached: z.int().min(0),
  failed: z.int().min(0),
  verdict: Verdict,
  said: z.string().describe('The verdict in words'),
  scores: z.array(z.string()).exactOptional().describe('The score that the task is named by, as people read it'),
});
export type TaskOutcome = z.infer<typeof TaskOutcome>;

const WriteSummaryInput = z.object({
  run: RunInput,
  status: RunStatus,
  stages: z.record(z.string(), TaskOutcome),
  interventions: z.array(RunIntervention),
});
export type WriteSummaryInput = z.infer<typeof WriteSummaryInput>;

/** The part that all verdict files share; `worst` lists the ROIs that differ most, worst first. */
const Judged = z.object({ worst: Worst, engine: VerdictEngine.optional() });

function namesOf({ model: _model, ortVersion: _ortVersion, ...named }: VerdictEngine) {
  return named;
}

export interface SummaryOutcome {
  /** What was compared, in a few words. */
  readonly compared: string;
}

/** Writes summary.json. */
export function createWriteSummary(home: HomeFolders) {
  return async function writeSummary(input: WriteSummaryInput): Promise<SummaryOutcome> {
    const { run, status, stages, interventions } = WriteSummaryInput.parse(input);
    const tasks: Record<string, TaskSummary> = {};
    for (const [task, { stage, batches, total, cached, failed, verdict }] of Object.entries(stages)) {
      const failures = await new TaskFiles(home, stage).readFailures(batches);
      const { worst, engine } = Judged.parse(await RESULTS.verdict.read(run.folders.results, task));
      tasks[task] = {
        verdict,
        ...(engine !== undefined && engine.engine !== 'exact' && { engine: namesOf(engine) }),
        rois: { total, computed: total - cached - failed, cached, failed },
        failures: failures.map(({ remedy, ...failure }) => ({ ...failure, remedy: remedy ?? remedyOf(failure.code) })),
        worst,
      };
    }
    const { config, digest, folders } = run;
    const { record: noted } = await new Receipts(home.receipts).manifest(folders.data);
    const known = noted?.id === config.record ? noted : { id: config.record };
    const provenance = await readProvenance(folders.data, known);
    await RESULTS.summary.write(folders.results, {
      run: Context.current().info.workflowExecution?.workflowId ?? '',
      record: config.record,
      provenance,
      profile: config.name,
      digest,
      status,
      ended: new Date().toISOString(),
      tasks,
      ...(folders.generation === undefined ? {} : { generation: folders.generation }),
      ...(interventions.length === 0 ? {} : { interventions }),
    });
    return { compared: comparedText(provenance, config.record) };
  };
}

const Verdicts = z.record(z.string(), z.string());

/** The verdicts of one scheduled reproduction. */
const Noted = z.object({
  at: z.string().describe('ISO 8601'),
  verdicts: Verdicts.describe('By task, as people read them'),
  report: z.string(),
});
type Noted = z.infer<typeof Noted>;

const NoteVerdictsInput = z.object({
  folders: z.object({ results: z.string().min(1).describe('Folder of all times of the schedule, absolute') }),
  noted: Noted,
});
type NoteVerdictsInput = z.infer<typeof NoteVerdictsInput>;

interface VerdictChange {
  readonly task: string;
  readonly from: string;
  readonly to: string;
}

/** Appends verdicts to `verdicts.jsonl` and returns those that differ from the previous ones. May run twice. */
export async function noteVerdicts(input: NoteVerdictsInput): Promise<{ readonly changes: readonly VerdictChange[] }> {
  const { folders, noted } = NoteVerdictsInput.parse(input);
  const path = join(folders.results, 'verdicts.jsonl');
  const before = (await readNoted(path)).filter(({ at }) => at !== noted.at);
  const earlier = before.at(-1)?.verdicts ?? {};
  await writeFileAtomic(path, [...before, noted].map((each) => `${JSON.stringify(each)}\n`).join(''));
  const changes = Object.entries(noted.verdicts).flatMap(([task, to]) => {
    const from = earlier[task];
    return from === undefined || from === to ? [] : [{ task, from, to }];
  });
  return { changes };
}

async function readNoted(path: string): Promise<readonly Noted[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => Noted.parse(JSON.parse(line)));
}
