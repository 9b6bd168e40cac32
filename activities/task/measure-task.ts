import type { Measured } from '../../toolkit/tasks/kind.ts';
import { taskNamed } from '../../toolkit/tasks/task-named.ts';
import { type PlannedRoi, recalledEntryOf, type TaskWork } from '../../toolkit/tasks/work.ts';
import { orToSuitableWorker } from '../hand-over.ts';
import { withHeartbeat } from '../heartbeat.ts';
import { type MeasureOutcome, MeasureTaskInput, type RunFolders, type StageRef } from '../inputs.ts';
import type { InferServices } from './infer-roi.ts';
import { bringAsNeeded, bringModel, type Elsewhere, elsewhere, orGiveBack } from './stage-in.ts';
import { TaskFiles } from './task-files.ts';
import { sessionOf, type WorkerServices, workOf } from './work-of.ts';

/** Infers what the discrepancy report needs of a task; ROIs that were inferred before come from the cache. */
export function createMeasureTask({ engines, ...services }: InferServices) {
  return async function measureTask(input: MeasureTaskInput): Promise<MeasureOutcome> {
    const { task, folders, settings, inference, full, stage, batches } = MeasureTaskInput.parse(input);
    return withHeartbeat({ phase: 'measuring', task }, async (report) => {
      const files = new TaskFiles(services.home, stage, services.storage);
      const listed = (await files.readPlan()).rois;
      const rois = await files.readDone(batches);
      const session = sessionOf(inference);
      const measure = (work: TaskWork) =>
        taskNamed(task).measure({ listed, rois, settings, session, isFull: full, work }, engines);
      const away = elsewhere(services);
      return orToSuitableWorker(() => {
        if (away === undefined) return measure(workOf(services, folders, report));
        return orGiveBack(() => measureElsewhere(away, { stage, folders, rois }, services, report, measure));
      });
    });
  };
}

interface MeasuredStage {
  readonly stage: StageRef;
  readonly folders: RunFolders;
  readonly rois: readonly PlannedRoi[];
}

/** Fetches model and files, and uploads what was written for the results folder. */
async function measureElsewhere(
  away: Elsewhere,
  { stage, folders, rois }: MeasuredStage,
  services: WorkerServices,
  report: (progress: object) => void,
  measure: (work: TaskWork) => Promise<Measured>,
): Promise<Measured> {
  const { signal } = workOf(services, folders, report);
  const here = await bringAsNeeded(away, stage, folders, signal);
  const work = { ...workOf(services, here.folders, report), need: here.need };
  const [first] = rois;
  const digest = first && (await recalledEntryOf(work.cache, first)).parts['model'];
  if (digest !== undefined) await bringModel(away, String(digest), signal);
  const measured = await measure(work);
  await away.storage.stages.sendResults(stage.folder, here.folders.results, signal);
  await away.scratch.trim();
  return measured;
}
