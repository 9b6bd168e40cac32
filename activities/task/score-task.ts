import { rm } from 'node:fs/promises';
import { CELL_TASKS, type Task, TISSUE_TASKS } from '../../config/tasks.ts';
import { overviewFileIn } from '../../toolkit/dataset/layout.ts';
import { readOverview } from '../../toolkit/dataset/overview.ts';
import { isSynthetic, verdictText } from '../../toolkit/dataset/provenance.ts';
import { writeFileAtomic } from '../../toolkit/files/atomic-write.ts';
import { writeNpy } from '../../toolkit/numpy.ts';
import { RESULTS } from '../../toolkit/results/results-folder.ts';
import { cellsDiscrepancies } from '../../toolkit/tasks/cells/discrepancies.ts';
import { recordDiscrepancies } from '../../toolkit/tasks/record-discrepancies.ts';
import { headlineScores, taskNamed } from '../../toolkit/tasks/task-named.ts';
import { tissueDiscrepancies } from '../../toolkit/tasks/tissue/discrepancies.ts';
import type { Comparison, DiscrepancyTask } from '../../toolkit/tasks/work.ts';
import type { DiscrepancyEntry } from '../../toolkit/verdict/discrepancies/discrepancies-file.ts';
import { VerdictEngine } from '../../toolkit/verdict/verdict-file.ts';
import { withHeartbeat } from '../heartbeat.ts';
import { AggregateTaskInput, type CompareOutcome, CompareTaskInput, WriteDiscrepanciesInput } from '../inputs.ts';
import { TaskFiles } from './task-files.ts';
import { type WorkerServices, workOf } from './work-of.ts';

/** Writes the metrics over all ROIs of a task that have a prediction. */
export function createAggregateTask(services: WorkerServices) {
  return async function aggregateTask(input: AggregateTaskInput): Promise<object> {
    const step = AggregateTaskInput.parse(input);
    const { folders, stage, batches } = step;
    const rois = await new TaskFiles(services.home, stage).readDone(batches);
    return withHeartbeat({ phase: 'summing', of: rois.length }, async (report) => {
      const work = workOf(services, folders, report);
      const { metrics, remarks, sweep, outcome } = await taskNamed(step.task).aggregate(rois, work, step);
      // The metrics last: other activities wait for them.
      if (remarks !== undefined) await RESULTS.remarks.write(folders.results, remarks, step.task);
      if (sweep !== undefined) await RESULTS.sweep.write(folders.results, sweep, step.task);
      else await rm(RESULTS.sweep.in(folders.results, step.task), { force: true });
      await RESULTS.metrics.write(folders.results, metrics, step.task);
      return outcome;
    });
  };
}

/** Compares the reproduced predictions with the published ones, and writes verdict/<task>.json. */
export function createCompareTask(services: WorkerServices) {
  return async function compareTask(input: CompareTaskInput): Promise<CompareOutcome> {
    const step = CompareTaskInput.parse(input);
    const { task, folders, stage, batches } = step;
    const files = new TaskFiles(services.home, stage);
    const failures = new Map<string, string>((await files.readFailures(batches)).map(({ roi, code }) => [roi, code]));
    const rois = (await files.readPlan()).rois.map((planned) => ({ planned, failure: failures.get(planned.roi) }));
    await services.storage?.stages.takeResults(stage.folder, folders.results);
    const overview = await readOverview(await overviewFileIn(folders.data));
    return withHeartbeat({ phase: 'comparing', done: 0, of: rois.length }, async (report) => {
      const work = workOf(services, folders, report);
      const compared = await taskNamed(task).compareWithPublished({
        rois,
        overview,
        verdict: step.verdict,
        settings: step.settings,
        work,
      });
      await services.digests.save();
      await writeVerdict(step, compared);
      const { verdict, evaluation, inference } = compared.verdict;
      const said = verdictText(isSynthetic(overview) ? 'synthetic' : 'other', verdict);
      const undecided = compared.isUndecided === true ? { undecided: true } : {};
      const scores = headlineScores(task, compared.verdict);
      return { verdict, said, scores, evaluation, inference: inference.reason, ...undecided };
    });
  };
}

/** Writes the verdict last, after the resamples and counts that its intervals are computed from. */
async function writeVerdict(
  { task, folders: { results }, model, engine }: CompareTaskInput,
  { verdict, evidence: { draws, counts } }: Comparison,
): Promise<void> {
  const ranOn = VerdictEngine.parse({ model: model.digest, ...engine, precision: engine.precision ?? 'float32' });
  const patients = counts.patients.length;
  const shape = [patients === 0 ? 0 : draws.length / patients, patients];
  await writeNpy(RESULTS.resamples.in(results, task), { dtype: 'uint16', shape, data: draws });
  await writeFileAtomic(RESULTS.patients.in(results, task), `${JSON.stringify(counts)}\n`);
  await RESULTS.verdict.write(results, { ...verdict, engine: ranOn }, task);
}

/** Measures the discrepancies between the authors' code, the paper and the record, and writes verdict/discrepancies.json. */
export function createWriteDiscrepancies(services: WorkerServices) {
  return async function writeDiscrepancies(
    input: WriteDiscrepanciesInput,
  ): Promise<{ entries: number; affecting: string[] }> {
    const { folders, record, tasks } = WriteDiscrepanciesInput.parse(input);
    return withHeartbeat({ phase: 'measuring' }, async (report) => {
      const work = workOf(services, folders, report);
      for (const { stage } of tasks) await services.storage?.stages.takeResults(stage.folder, folders.results);
      const entries: DiscrepancyEntry[] = [];
      for (const task of await endedOf(TISSUE_TASKS, tasks, services))
        entries.push(...(await tissueDiscrepancies(task, work)));
      entries.push(...(await cellsDiscrepancies(await endedOf(CELL_TASKS, tasks, services), folders)));
      entries.push(...(await recordDiscrepancies(work, record)));
      await RESULTS.discrepancies.write(folders.results, { schema: 1, entries });
      const affecting = entries.filter(({ status }) => status.startsWith('affects')).map(({ id }) => id);
      return { entries: entries.length, affecting };
    });
  };
}

/** Returns those of `names` that have ended, in order. */
async function endedOf<Name extends Task>(
  names: readonly Name[],
  tasks: WriteDiscrepanciesInput['tasks'],
  { home }: WorkerServices,
): Promise<DiscrepancyTask<Name>[]> {
  const ended: DiscrepancyTask<Name>[] = [];
  for (const name of names) {
    const of = tasks.find(({ task }) => task === name);
    if (of === undefined) continue;
    const rois = await new TaskFiles(home, of.stage).readDone(of.batches);
    ended.push({ name, rois, scope: of.settings.scope, measured: of.measured });
  }
  return ended;
}
