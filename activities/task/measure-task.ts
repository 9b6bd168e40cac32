import { taskNamed } from '../../toolkit/tasks/task-named.ts';
import { withHeartbeat } from '../heartbeat.ts';
import { type MeasureOutcome, MeasureTaskInput } from '../inputs.ts';
import type { InferServices } from './infer-roi.ts';
import { TaskFiles } from './task-files.ts';
import { sessionOf, workOf } from './work-of.ts';

/** Infers again what the discrepancy report asks for of a task; ROIs that were done before come from the cache. */
export function createMeasureTask({ engines, ...services }: InferServices) {
  return async function measureTask(input: MeasureTaskInput): Promise<MeasureOutcome> {
    const { task, folders, settings, inference, full, stage, batches } = MeasureTaskInput.parse(input);
    return withHeartbeat({ phase: 'measuring', task }, async (report) => {
      const files = new TaskFiles(services.home, stage);
      const work = workOf(services, folders, report);
      const listed = (await files.readPlan()).rois;
      const rois = await files.readDone(batches);
      const { engine } = inference;
      const session = sessionOf(inference);
      return taskNamed(task).measure({ listed, rois, settings, session, engine, isFull: full, work }, engines);
    });
  };
}
