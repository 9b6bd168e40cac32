import { CELL_TASKS, type Task, TISSUE_TASKS } from '../../config/tasks.ts';
import { RESULTS } from '../../toolkit/results/results-folder.ts';
import { cellsDiscrepancies } from '../../toolkit/tasks/cells/discrepancies.ts';
import type { DiscrepancyTask } from '../../toolkit/tasks/kind.ts';
import { recordDiscrepancies } from '../../toolkit/tasks/record-discrepancies.ts';
import { tissueDiscrepancies } from '../../toolkit/tasks/tissue/discrepancies.ts';
import type { DiscrepancyEntry } from '../../toolkit/verdict/discrepancies/discrepancies-file.ts';
import { withHeartbeat } from '../heartbeat.ts';
import { WriteDiscrepanciesInput } from '../inputs.ts';
import { TaskFiles } from './task-files.ts';
import { type WorkerServices, workOf } from './work-of.ts';

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
