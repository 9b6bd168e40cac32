import { rm } from 'node:fs/promises';
import { RESULTS } from '../../toolkit/results/results-folder.ts';
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
