import {
  ApplicationFailure,
  CancellationScope,
  executeChild,
  isCancellation,
  setCurrentDetails,
  setHandler,
  upsertMemo,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { RunInput } from '../activities/inputs.ts';
import type { RunStatus, TaskOutcome } from '../activities/report/run-results.ts';
import { TASK_TITLES } from '../config/tasks.ts';
import { acquire, acquiredStage } from './acquire.ts';
import { type ControlState, RunControl } from './control.ts';
import { asFailure, toFailureInfo, withFailureInfo } from './failures.ts';
import { stageId } from './ids.ts';
import { measureDiscrepancies } from './measure-discrepancies.ts';
import {
  progress,
  type RunEnd,
  runDetails,
  type StageProgress,
  saidOf,
  stageProgress,
  startedStage,
} from './progress.ts';
import { type Searchable, searchOptions, searchPairs } from './search-attributes.ts';
import { aggregationActivities, orchestrationActivities, renderActivities } from './steps.ts';
import { type TaskInput, validateTask } from './validate-task.ts';

export interface RunOutcome {
  readonly status: RunStatus;
  /** What was compared, in a few words; missing in runs of earlier versions. */
  readonly compared?: string;
  /** Verdicts by task, in words. */
  readonly verdicts: Readonly<Record<string, string>>;
  /** The main score by task, as text for people; missing in runs of earlier versions. */
  readonly scores?: Readonly<Record<string, readonly string[]>>;
  /** Number of ROIs without a result, for tasks that have any. */
  readonly failed?: Readonly<Record<string, number>>;
  readonly report: string;
}

/**
 * Reproduces a record: acquisition, tasks, discrepancies, report. A failed activity ends the run with the code of its
 * error.
 */
export function reproduce(input: RunInput): Promise<RunOutcome> {
  return withFailureInfo(() => reproduceRun(input));
}

async function reproduceRun(input: RunInput): Promise<RunOutcome> {
  const run = workflowInfo().workflowId;
  const stages = new Map<string, StageProgress>();
  const startedAt = new Map<string, string>();
  const outcomes: Record<string, TaskOutcome> = {};
  const renderDetails = (ended?: Omit<RunEnd, 'results'>) => {
    const end = ended === undefined ? {} : { end: { ...ended, results: input.folders.results } };
    const { state } = control;
    setCurrentDetails(runDetails({ run, stages: [...stages.values()], startedAt, control: state, outcomes, ...end }));
  };
  const recordProgress = (update: StageProgress) => {
    stages.set(update.stage, update);
    if (!startedAt.has(update.stage)) startedAt.set(update.stage, new Date().toISOString());
    renderDetails();
  };
  const updateSearchAttributes = (values: Searchable) => {
    if (input.searchable === true) upsertSearchAttributes(searchPairs(values));
  };
  let wasPaused = false;
  const control = new RunControl(input.config.temporal.maxConcurrentRois, () => {
    const { paused } = control.state;
    if (paused !== wasPaused) updateSearchAttributes({ stage: paused ? 'paused' : 'acquire' });
    wasPaused = paused;
    renderDetails();
  });
  control.listen(input.config.tasks);
  setHandler(progress, () => [...stages.values()]);
  setHandler(stageProgress, recordProgress);

  const { openResults, writeSummary } = orchestrationActivities(input.config.temporal);
  const { writeTrace } = aggregationActivities(input.config.temporal);
  const close = (status: RunStatus) =>
    writeSummary.executeWithOptions({ summary: `summary: ${status}` }, [
      { run: input, status, stages: outcomes, interventions: [...control.state.interventions] },
    ]);

  await openResults.executeWithOptions({ summary: 'results folder' }, [input]);
  try {
    await control.runInterruptibly(async (state) => {
      recordProgress(startedStage('acquire'));
      const acquired = await executeChild(acquire, {
        workflowId: stageId(run, 'acquire'),
        args: [{ run, config: input.config, data: input.folders.data, whole: false }],
        staticSummary: `Download and unpack record ${input.config.record}`,
        staticDetails:
          '- One activity per file and one per archive. Pending Activities shows bytes, rate and time left.',
        ...searchOptions(input, { stage: 'acquire', tasks: input.config.tasks }),
      });
      recordProgress(acquiredStage(acquired));
      const { doi } = acquired;
      if (doi !== undefined) upsertMemo({ doi });
      updateSearchAttributes({ stage: input.config.tasks.join('+') });
      const stage = { run, input: underControl(input, state), skipped: state.skipped };
      await runTasks(stage, outcomes, recordProgress);
      updateSearchAttributes({ stage: 'discrepancies' });
      await executeChild(measureDiscrepancies, {
        workflowId: stageId(run, 'discrepancies'),
        args: [{ input, outcomes }],
        staticSummary: 'Discrepancy report',
        staticDetails: "- Where the authors' code, the paper and the record disagree, measured in this run.",
        ...searchOptions(input, { stage: 'discrepancies', tasks: input.config.tasks }),
      });
    });
  } catch (error) {
    if (isCancellation(error)) {
      renderDetails({ status: 'cancelled' });
      await CancellationScope.nonCancellable(() => close('cancelled'));
      throw error;
    }
    for (const stage of stages.values()) if (stage.state === 'running') recordProgress({ ...stage, state: 'failed' });
    renderDetails({ status: 'failed', failure: toFailureInfo(error) });
    await close('failed');
    throw asFailure(error);
  }
  const status = Object.values(outcomes).some(({ failed }) => failed > 0) ? 'partial' : 'done';
  updateSearchAttributes({ stage: 'report', verdicts: Object.values(outcomes).map(saidOf) });
  // Activities of earlier versions return nothing.
  const compared = (await close(status))?.compared;
  const about = compared === undefined ? {} : { compared };
  await writeTrace.executeWithOptions({ summary: 'trace of the activities' }, [{ folders: input.folders }]);
  const { writeReport } = renderActivities(input.config.temporal);
  await writeReport.executeWithOptions({ summary: 'report, crate, manifest' }, [{ folders: input.folders }]);
  renderDetails({ status, ...about });
  return { status, ...about, ...outcomeOf(outcomes), report: `${input.folders.results}/report/index.html` };
}

/** Returns the run's input with the settings that a user changed. */
function underControl(input: RunInput, { maxConcurrentRois }: ControlState): RunInput {
  return { ...input, config: { ...input.config, temporal: { ...input.config.temporal, maxConcurrentRois } } };
}

/** Returns the outcome for the page of a run that has ended. */
function outcomeOf(
  outcomes: Readonly<Record<string, TaskOutcome>>,
): Pick<RunOutcome, 'verdicts' | 'scores' | 'failed'> {
  const tasks = Object.entries(outcomes);
  const failed = tasks.flatMap(([task, outcome]) => (outcome.failed === 0 ? [] : [[task, outcome.failed] as const]));
  const scores = tasks.flatMap(([task, outcome]) => (outcome.scores === undefined ? [] : [[task, outcome.scores]]));
  return {
    ...(scores.length === 0 ? {} : { scores: Object.fromEntries(scores) }),
    verdicts: Object.fromEntries(tasks.map(([task, outcome]) => [task, saidOf(outcome)])),
    ...(failed.length === 0 ? {} : { failed: Object.fromEntries(failed) }),
  };
}

/** What a stage does, shown in the Temporal UI. */
const STAGE_DETAILS = [
  '- Converts the model to ONNX, unless that was done before, and looks up every ROI in the cache.',
  '- The remaining ROIs are computed in batches, which are child workflows. Metrics, figures and the verdict follow.',
  '- This table is updated once per batch; the page of a batch (Relationships tab) is updated per ROI.',
].join('\n');

/**
 * Runs the tasks in parallel and adds the outcome of each successful one to `outcomes`.
 *
 * @throws The failure of the first task that failed; a cancellation takes precedence.
 */
async function runTasks(
  stage: Omit<TaskInput, 'task'>,
  outcomes: Record<string, TaskOutcome>,
  recordProgress: (update: StageProgress) => void,
): Promise<void> {
  const settled = await Promise.allSettled(
    stage.input.config.tasks.map(async (task) => {
      recordProgress(startedStage(task));
      const outcome = await executeChild(validateTask, {
        workflowId: stageId(stage.run, task),
        args: [{ ...stage, task }],
        staticSummary: TASK_TITLES[task],
        staticDetails: STAGE_DETAILS,
        ...searchOptions(stage.input, { stage: task, tasks: [task] }),
      });
      outcomes[task] = outcome;
      recordProgress(endedStage(task, outcome));
    }),
  );
  const errors = settled.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
  const [first] = [...errors.filter(isCancellation), ...errors];
  if (first !== undefined) throw first;
}

function endedStage(task: string, { total, cached, failed }: TaskOutcome): StageProgress {
  return { stage: task, unit: 'ROIs', done: total, of: total, cached, failed, state: 'done' };
}

/** Input of the workflow that a schedule starts. */
export interface RepeatInput {
  /** ID of the run. */
  readonly run: string;
  /** Each repetition gets its own folder in the results folder. */
  readonly input: RunInput;
  /** What commands read about a run; the folders are added. */
  readonly memo: Readonly<Record<string, unknown>>;
}

interface RepeatOutcome {
  /** Verdicts by task, as text for people. */
  readonly verdicts: RunOutcome['verdicts'];
  readonly report: string;
}

/**
 * Reproduces without using the cache, and compares the verdicts with the previous ones. A changed verdict fails the
 * workflow with VERDICT_CHANGED, so that an alert on failed workflows of the namespace reports it. The next repetition
 * compares with the new verdicts.
 */
export function repeatReproduction(input: RepeatInput): Promise<RepeatOutcome> {
  return withFailureInfo(() => repeat(input));
}

async function repeat({ run, input, memo }: RepeatInput): Promise<RepeatOutcome> {
  const { runId, startTime } = workflowInfo();
  const at = startTime.toISOString();
  const { data, results } = input.folders;
  const folders = {
    data,
    results: `${results}/${at.slice(0, 16).replace(':', '-')}`,
    generation: `${at} ${runId.slice(0, 8)}`,
  };
  const { verdicts, report } = await executeChild(reproduce, {
    workflowId: run,
    args: [{ ...input, folders }],
    memo: { ...memo, ...folders, fresh: true },
  });
  const { noteVerdicts } = orchestrationActivities(input.config.temporal);
  const { changes } = await noteVerdicts.executeWithOptions({ summary: 'verdicts of this run' }, [
    { folders: { results }, noted: { at, verdicts, report } },
  ]);
  if (changes.length === 0) return { verdicts, report };
  const said = changes.map(({ task, from, to }) => `${task} from ${from} to ${to}`).join(', ');
  const cause = `The verdict changed: ${said}. The report is ${report}.`;
  throw ApplicationFailure.create({
    type: 'VERDICT_CHANGED',
    message: `VERDICT_CHANGED: ${cause}`,
    nonRetryable: true,
    details: [{ code: 'VERDICT_CHANGED', cause }],
  });
}
