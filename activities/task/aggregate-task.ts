import { join } from 'node:path';
import { writeFileAtomic } from '../../toolkit/files/atomic-write.ts';
import { taskNamed } from '../../toolkit/tasks/task-named.ts';
import { withHeartbeat } from '../heartbeat.ts';
import { AggregateTaskInput } from '../inputs.ts';
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
      const { files, outcome } = await taskNamed(step.task).aggregate(rois, work, step);
      for (const [name, value] of Object.entries(files)) {
        await writeFileAtomic(join(folders.results, 'metrics', name), `${JSON.stringify(value, null, 1)}\n`);
      }
      return outcome;
    });
  };
}
