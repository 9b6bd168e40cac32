import { Context } from '@temporalio/activity';
import type { HomeFolders } from '../../toolkit/files/folders.ts';
import { writeModelSummary } from '../../toolkit/models/model-summary.ts';
import { RESULTS } from '../../toolkit/results/results-folder.ts';
import type { RunStorage } from '../../toolkit/storage/run-storage.ts';
import { taskNamed } from '../../toolkit/tasks/task-named.ts';
import { withHeartbeat } from '../heartbeat.ts';
import { type ModelRef, PrepareModelInput } from '../inputs.ts';

/** Prepares a task's model, once for each distinct content, and writes its description to the results. */
export function createPrepareModel({ models }: Pick<HomeFolders, 'models'>, storage?: Pick<RunStorage, 'models'>) {
  return async function prepareModel(input: PrepareModelInput): Promise<ModelRef> {
    const { task, folders, settings } = PrepareModelInput.parse(input);
    const { data, results } = folders;
    const signal = Context.current().cancellationSignal;
    return withHeartbeat({ phase: 'hashing', task }, async (report) => {
      const prepared = await taskNamed(task).prepareModel({ settings, data, models, signal, report });
      const { digest, modelDir, facts } = prepared;
      report({ phase: 'parity' });
      await writeModelSummary(modelDir, RESULTS.model.in(results, task), signal);
      await storage?.models.offer(digest, modelDir, signal);
      return { digest, ...facts };
    });
  };
}
