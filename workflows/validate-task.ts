import {
  ApplicationFailure,
  continueAsNew,
  executeChild,
  isCancellation,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type {
  CompareOutcome,
  EngineRef,
  ModelRef,
  OutstandingRoi,
  RoiFailure,
  RunInput,
  SkippedRoi,
  StageRef,
} from '../activities/inputs.ts';
import type { TaskOutcome } from '../activities/report/run-results.ts';
import type { TaskSettings } from '../config/task-config.ts';
import { TASK_TITLES, type Task } from '../config/tasks.ts';
import { mapSettledConcurrent, markHandled } from './concurrency.ts';
import { type FailedItem, failureList, toFailureInfo, withFailureInfo } from './failures.ts';
import { batchId } from './ids.ts';
import { measureTask } from './measure-discrepancies.ts';
import {
  ProgressThrottle,
  progress,
  progressTable,
  type StageColumn,
  type StageProgress,
  signalParent,
} from './progress.ts';
import { searchOptions, searchPairs } from './search-attributes.ts';
import { inference, readBatch, renderActivities } from './steps.ts';

/** Number of events at which to continue as new, before the server suggests it (4,096), so that histories stay readable. */
const MAX_EVENTS = 3_500;

/** What all batches of a task share. */
interface TaskPlan {
  readonly task: Task;
  readonly stage: StageRef;
  readonly model: ModelRef;
  readonly engine: EngineRef;
  readonly settings: TaskSettings;
  readonly total: number;
  readonly cached: number;
  readonly batches: number;
}

/** Input of a task. */
export interface TaskInput {
  readonly task: Task;
  readonly run: string;
  readonly input: RunInput;
  /** ROIs that were excluded from the run. */
  readonly skipped: readonly SkippedRoi[];
  /** Set when the task continues in a new history. */
  readonly resume?: TaskCursor;
}

export interface TaskCursor {
  readonly plan: TaskPlan;
  readonly batch: number;
  readonly done: number;
  readonly failed: number;
}

/** Describes a batch of ROIs on its page in the Temporal UI. */
const BATCH_DETAILS = [
  '- One activity per ROI, which both infers and scores it, on the inference queue.',
  '- Pending Activities shows the progress of each ROI. A failed ROI is red in the Timeline and does not end the run.',
].join('\n');

/** Validates one task on the whole test set: plan, batches of ROIs with their figures, metrics, verdict. */
export function validateTask(input: TaskInput): Promise<TaskOutcome> {
  return withFailureInfo(() => validate(input));
}

async function validate(of: TaskInput): Promise<TaskOutcome> {
  const { task, run, input, skipped, resume } = of;
  const cursor = resume ?? (await start(of));
  const { plan } = cursor;
  const { total, cached, batches } = plan;
  let { batch, done, failed } = cursor;
  let drawing: Promise<unknown> = Promise.resolve();
  const named: FailedItem[] = [];
  show(stateOf(plan, done, failed, 'running'));
  for (; batch < batches; batch++) {
    const inferred = await executeChild(inferBatch, {
      workflowId: batchId(workflowInfo().workflowId, batch),
      args: [{ run, input, skipped, plan, batch, done, failed }],
      staticSummary: `${TASK_TITLES[task]}, ROIs of batch ${batch + 1} of ${batches}`,
      staticDetails: BATCH_DETAILS,
      ...searchOptions(input, { stage: task, tasks: [task] }),
    });
    done += inferred.done;
    failed += inferred.failures.length;
    named.push(...inferred.failures.map(({ roi, ...failure }) => ({ item: roi, ...failure })));
    show(stateOf(plan, done, failed, 'running'), named);
    // The figures of a batch are drawn while the next batch is inferred.
    await drawing;
    drawing = markHandled(draw(plan, input, batch, inferred.failures));
    const { continueAsNewSuggested, historyLength } = workflowInfo();
    if (continueAsNewSuggested || historyLength >= MAX_EVENTS) {
      await drawing;
      await continueAsNew<typeof validateTask>({ ...of, resume: { plan, batch: batch + 1, done, failed } });
    }
  }
  await drawing;
  const { verdict, said, scores } = await conclude(plan, input);
  if (input.searchable === true) upsertSearchAttributes(searchPairs({ verdicts: [said] }));
  const ended = stateOf(plan, total, failed, 'done');
  show(ended, named, [{ title: 'Verdict', textOf: () => said }], scores);
  await signalParent(run, ended);
  const ofScores = scores === undefined ? {} : { scores: [...scores] };
  return { stage: plan.stage, batches, total, cached, failed, verdict, said, ...ofScores };
}

async function start({ task, run, input }: TaskInput): Promise<TaskCursor> {
  setCurrentDetails('Preparing the model and looking up ROIs in the cache.');
  const plan = await planOf(task, input);
  const started = stateOf(plan, plan.cached, 0, 'running');
  show(started);
  await signalParent(run, started);
  return { plan, batch: 0, done: plan.cached, failed: 0 };
}

/** Prepares the model and looks up the ROIs in the cache. */
async function planOf(task: Task, { folders, config, digest }: RunInput): Promise<TaskPlan> {
  const { temporal } = config;
  const { prepareModel, planTask } = renderActivities(temporal);
  const settings = { scope: 'full' as const, ...config[task] };
  const prepared = await prepareModel.executeWithOptions({ summary: 'convert model to ONNX' }, [
    { task, folders, settings },
  ]);
  const model = { digest: prepared.digest };
  const { provider, adapter, driver, ortVersion, engine, precision, batchSize } = await inference(
    temporal,
  ).probeInference.executeWithOptions({ summary: 'execution provider' }, [
    { task, model, inference: config.inference },
  ]);
  const setup = {
    task,
    stage: { folder: `${digest}/${workflowInfo().runId}/${task}` },
    model,
    engine: {
      provider,
      ...(adapter !== undefined && { adapter }),
      ...(driver !== undefined && { driver }),
      ortVersion,
      engine,
      ...(precision !== undefined && { precision }),
      ...(batchSize !== undefined && { batchSize }),
    },
    settings,
  };
  const { total, cached, batches } = await planTask.executeWithOptions({ summary: 'look up ROIs in the cache' }, [
    { ...setup, folders, batchSize: temporal.batchSize },
  ]);
  return { ...setup, total, cached, batches };
}

/** Draws the figures of a batch's ROIs, and records which of them failed. */
function draw(plan: TaskPlan, { folders, config }: RunInput, batch: number, failures: readonly RoiFailure[]) {
  return renderActivities(config.temporal).drawBatch.executeWithOptions(
    { summary: `figures of ROIs, batch ${batch + 1} of ${plan.batches}` },
    [{ ...plan, folders, batch, failures: [...failures] }],
  );
}

/** Computes and draws the results over all ROIs, and compares them with the published ones. */
async function conclude(
  plan: TaskPlan,
  { folders, config }: Pick<RunInput, 'folders' | 'config'>,
): Promise<CompareOutcome> {
  const { task } = plan;
  const { verdict, temporal } = config;
  const { aggregateTask, drawFigures, compareTask } = renderActivities(temporal);
  await aggregateTask.executeWithOptions({ summary: 'metrics over all ROIs' }, [{ ...plan, folders }]);
  await drawFigures.executeWithOptions({ summary: 'figures over all ROIs' }, [{ task, folders }]);
  const compare = () => compareTask.executeWithOptions({ summary: 'verdict' }, [{ ...plan, folders, verdict }]);
  const compared = await compare();
  if (compared.undecided !== true) return compared;
  const measured = await measureTask(plan, { folders, config });
  return measured.kind === 'measured' ? compare() : compared;
}

function stateOf(
  { task, total, cached }: TaskPlan,
  done: number,
  failed: number,
  state: StageProgress['state'],
): StageProgress {
  return { stage: task, unit: 'ROIs', done, of: total, cached, failed, state };
}

/** Updates the task's page in the Temporal UI. */
function show(
  state: StageProgress,
  failed: readonly FailedItem[] = [],
  more: readonly StageColumn[] = [],
  scores: readonly string[] = [],
): void {
  // Open batches have their own count, so this count is a minimum.
  const shown = { ...state, isLeast: state.state === 'running' };
  const said = scores.flatMap((score) => ['', score]);
  setCurrentDetails([progressTable([shown], more), ...said, ...failureList(failed)].join('\n'));
  setHandler(progress, () => [state]);
}

interface InferBatchInput {
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

interface InferBatchOutcome {
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
  const showBatch = () => setCurrentDetails([progressTable([now()]), ...failureList(named)].join('\n'));
  const throttle = new ProgressThrottle(before.done, total, Date.now());
  setHandler(progress, () => [now()]);
  showBatch();

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
        showBatch();
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
