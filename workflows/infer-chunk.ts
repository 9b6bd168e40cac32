import { ApplicationFailure, isCancellation, setCurrentDetails, setHandler } from '@temporalio/workflow';
import type {
  EngineRef,
  ModelRef,
  PlannedRoi,
  RoiFailure,
  RunInput,
  SkippedRoi,
  StageRef,
} from '../activities/inputs.ts';
import type { Task } from '../config/tasks.ts';
import { nameFailure } from './failure-code.ts';
import { type FailedItem, failureList } from './failure-list.ts';
import { inWindow } from './in-window.ts';
import { progress, progressTable, type StageProgress, Telling, tellRun } from './progress.ts';
import { inference, readPage } from './steps.ts';

/** What all chunks of a stage share. */
export interface StagePlan {
  readonly task: Task;
  readonly stage: StageRef;
  readonly model: ModelRef;
  readonly engine: EngineRef;
  readonly total: number;
  readonly cached: number;
  readonly pages: number;
}

export interface InferChunkInput {
  readonly run: string;
  readonly input: RunInput;
  /** ROIs that somebody left out of the run. */
  readonly skipped: readonly SkippedRoi[];
  readonly plan: StagePlan;
  readonly page: number;
  /** ROIs done and failed before this page. */
  readonly done: number;
  readonly failed: number;
}

export interface InferChunkOutcome {
  readonly done: number;
  readonly failures: readonly RoiFailure[];
}

/** Infers the ROIs of one page; a failed ROI is recorded, not fatal. */
export async function inferChunk({
  run,
  input,
  skipped,
  plan,
  page,
  ...before
}: InferChunkInput): Promise<InferChunkOutcome> {
  const { task, stage, total, cached } = plan;
  const listed = await readPage.executeWithOptions({ summary: `list of page ${page + 1}` }, [{ stage, page }]);
  const rois = listed.filter(({ need }) => need === 'infer');
  const named: FailedItem[] = [];
  let done = 0;
  const now = (): StageProgress => {
    const counts = { done: before.done + done, of: total, cached, failed: before.failed + named.length };
    return { stage: task, unit: 'ROIs', ...counts, state: 'running' };
  };
  const show = () => setCurrentDetails([progressTable([now()]), ...failureList(named)].join('\n'));
  const telling = new Telling(before.done, total, Date.now());
  setHandler(progress, () => [now()]);
  show();

  const settled = await inWindow(rois, input.config.temporal.window, async (roi) => {
    let isOver = true;
    try {
      refuseSkipped(roi.roi, task, skipped);
      await inferRoi(roi, input, plan);
    } catch (error) {
      // A run that was paused begins it again: it is neither done nor failed.
      isOver = !isCancellation(error);
      if (isOver) named.push({ item: roi.roi, ...nameFailure(error) });
      throw error;
    } finally {
      if (isOver) {
        done += 1;
        show();
        if (telling.isDue(before.done + done, Date.now())) await tellRun(run, now());
      }
    }
  });
  const failures = settled.flatMap((result, index) => {
    if (result.status === 'fulfilled') return [];
    return [{ roi: rois[index]?.roi ?? '', ...nameFailure(result.reason) }];
  });
  return { done, failures };
}

function refuseSkipped(roi: string, task: Task, skipped: readonly SkippedRoi[]): void {
  const skip = skipped.find((each) => each.task === task && each.roi === roi);
  if (skip !== undefined) throw ApplicationFailure.nonRetryable(`Left out: ${skip.reason}`, 'SKIPPED');
}

function inferRoi(planned: PlannedRoi, { config, folders }: RunInput, { task, model, engine }: StagePlan) {
  const { segmentRoi, detectCells } = inference(config.temporal);
  const { need: _need, ...files } = planned;
  const step = { ...files, folders, model, engine, inference: config.inference };
  const options = { summary: planned.roi };
  if (task === 'he') return segmentRoi.executeWithOptions(options, [{ ...step, he: config.he }]);
  return detectCells.executeWithOptions(options, [{ ...step, task }]);
}
