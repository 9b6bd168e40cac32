import { ApplicationFailure, isCancellation, setCurrentDetails, setHandler } from '@temporalio/workflow';
import type {
  EngineRef,
  ModelRef,
  OutstandingRoi,
  RoiFailure,
  RunInput,
  SkippedRoi,
  StageRef,
} from '../activities/inputs.ts';
import type { TaskSettings } from '../config/task-config.ts';
import type { Task } from '../config/tasks.ts';
import { type FailedItem, failureList, toFailureInfo } from './failures.ts';
import { ProgressThrottle, progress, progressTable, type StageProgress, signalParent } from './progress.ts';
import { inference, mapSettledConcurrent, readBatch } from './steps.ts';

/** What all batches of a task share. */
export interface TaskPlan {
  readonly task: Task;
  readonly stage: StageRef;
  readonly model: ModelRef;
  readonly engine: EngineRef;
  readonly settings: TaskSettings;
  readonly total: number;
  readonly cached: number;
  readonly batches: number;
}

export interface InferBatchInput {
  readonly run: string;
  readonly input: RunInput;
  /** ROIs that were excluded from the run. */
  readonly skipped: readonly SkippedRoi[];
  readonly plan: TaskPlan;
  readonly batch: number;
  /** ROIs done and failed before this batch. */
  readonly done: number;
  readonly failed: number;
}

export interface InferBatchOutcome {
  readonly done: number;
  readonly failures: readonly RoiFailure[];
}

/** Infers the ROIs of one batch; a failed ROI is recorded and does not end the run. */
export async function inferBatch({
  run,
  input,
  skipped,
  plan,
  batch,
  ...before
}: InferBatchInput): Promise<InferBatchOutcome> {
  const { task, stage, total, cached } = plan;
  const listed = await readBatch.executeWithOptions({ summary: `list of batch ${batch + 1}` }, [{ stage, batch }]);
  const rois = listed.filter(({ need }) => need === 'infer');
  const named: FailedItem[] = [];
  let done = 0;
  const now = (): StageProgress => {
    const counts = { done: before.done + done, of: total, cached, failed: before.failed + named.length };
    return { stage: task, unit: 'ROIs', ...counts, state: 'running' };
  };
  const show = () => setCurrentDetails([progressTable([now()]), ...failureList(named)].join('\n'));
  const throttle = new ProgressThrottle(before.done, total, Date.now());
  setHandler(progress, () => [now()]);
  show();

  const settled = await mapSettledConcurrent(rois, input.config.temporal.maxConcurrentRois, async (roi, index) => {
    let isOver = true;
    try {
      refuseSkipped(roi.roi, task, skipped);
      await inferRoi(roi, rois[index + 1]?.image, input, plan);
    } catch (error) {
      // A paused run starts this ROI again: it is neither done nor failed.
      isOver = !isCancellation(error);
      if (isOver) named.push({ item: roi.roi, ...toFailureInfo(error) });
      throw error;
    } finally {
      if (isOver) {
        done += 1;
        show();
        if (throttle.isDue(before.done + done, Date.now())) await signalParent(run, now());
      }
    }
  });
  const failures = settled.flatMap((result, index) => {
    if (result.status === 'fulfilled') return [];
    return [{ roi: rois[index]?.roi ?? '', ...toFailureInfo(result.reason) }];
  });
  return { done, failures };
}

function refuseSkipped(roi: string, task: Task, skipped: readonly SkippedRoi[]): void {
  const skip = skipped.find((each) => each.task === task && each.roi === roi);
  if (skip !== undefined) throw ApplicationFailure.nonRetryable(`Skipped: ${skip.reason}`, 'ROI_SKIPPED');
}

function inferRoi(
  outstanding: OutstandingRoi,
  following: string | undefined,
  { config, folders }: RunInput,
  plan: TaskPlan,
) {
  const { task, model, engine, settings } = plan;
  const { need: _need, ...roi } = outstanding;
  return inference(config.temporal).inferRoi.executeWithOptions({ summary: roi.roi }, [
    {
      ...roi,
      ...(following !== undefined && { following }),
      task,
      folders,
      model,
      engine,
      settings,
      inference: config.inference,
    },
  ]);
}
