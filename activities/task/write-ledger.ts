import { CELL_TASKS, type Task, TISSUE_TASKS } from '../../config/tasks.ts';
import { RESULTS } from '../../toolkit/results/results-folder.ts';
import { cellsLedger } from '../../toolkit/tasks/cells/discrepancies.ts';
import type { LedgerTask } from '../../toolkit/tasks/kind.ts';
import { recordLedger } from '../../toolkit/tasks/record-discrepancies.ts';
import { tissueLedger } from '../../toolkit/tasks/tissue/discrepancies.ts';
import type { LedgerEntry } from '../../toolkit/verdict/discrepancies/discrepancies-file.ts';
import { withHeartbeat } from '../heartbeat.ts';
import { WriteLedgerInput } from '../inputs.ts';
import { TaskFiles } from './task-files.ts';
import { type WorkerServices, workOf } from './work-of.ts';

/** Measures what the authors' code and record do otherwise than one would expect, and writes verdict/ledger.json. */
export function createWriteLedger(services: WorkerServices) {
  return async function writeLedger(input: WriteLedgerInput): Promise<{ entries: number; affecting: string[] }> {
    const { folders, record, tasks } = WriteLedgerInput.parse(input);
    return withHeartbeat({ phase: 'measuring' }, async (report) => {
      const work = workOf(services, folders, report);
      const entries: LedgerEntry[] = [];
      for (const task of await endedOf(TISSUE_TASKS, tasks, services))
        entries.push(...(await tissueLedger(task, work)));
      entries.push(...(await cellsLedger(await endedOf(CELL_TASKS, tasks, services), folders)));
      entries.push(...(await recordLedger(work, record)));
      await RESULTS.discrepancies.write(folders.results, { schema: 1, entries });
      const affecting = entries.filter(({ status }) => status.startsWith('affects')).map(({ id }) => id);
      return { entries: entries.length, affecting };
    });
  };
}

/** Those of `names` that have ended, in their order. */
async function endedOf<Name extends Task>(
  names: readonly Name[],
  tasks: WriteLedgerInput['tasks'],
  { home }: WorkerServices,
): Promise<LedgerTask<Name>[]> {
  const ended: LedgerTask<Name>[] = [];
  for (const name of names) {
    const of = tasks.find(({ task }) => task === name);
    if (of === undefined) continue;
    const rois = await new TaskFiles(home, of.stage).readDone(of.batches);
    ended.push({ name, rois, scope: of.settings.scope, measured: of.measured });
  }
  return ended;
}
