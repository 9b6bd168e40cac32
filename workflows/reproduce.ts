import {
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
import type { RunStatus, StageOutcome } from '../activities/write-summary.ts';
import { TASK_TITLES, type Task } from '../config/tasks.ts';
import { acquire } from './acquire.ts';
import { type ControlState, RunControl } from './control.ts';
import { detectNuclei, detectPdl1 } from './detect-cells.ts';
import { asFailure } from './failure-code.ts';
import { stageId } from './ids.ts';
import { keepLedger } from './keep-ledger.ts';
import { progress, progressTable, type StageProgress, stageProgress } from './progress.ts';
import { type Searchable, searchOptions, searchPairs } from './search-attributes.ts';
import { segmentTissue } from './segment-tissue.ts';
import type { StageInput } from './stage.ts';
import { bookkeeping, gathering, rendering } from './steps.ts';

export interface RunOutcome {
  readonly status: RunStatus;
}

/** One reproduction: the record, the tasks, the summary. */
export async function reproduce(input: RunInput): Promise<RunOutcome> {
  const run = workflowInfo().workflowId;
  const stages = new Map<string, StageProgress>();
  const tell = () => setCurrentDetails(detailsOf([...stages.values()], steering.state));
  const show = (update: StageProgress) => {
    stages.set(update.stage, update);
    tell();
  };
  const steering = new RunControl(input.config.temporal.window, tell);
  steering.listen();
  setHandler(progress, () => [...stages.values()]);
  setHandler(stageProgress, show);

  const { openResults, writeSummary } = bookkeeping(input.config.temporal);
  const { writeTrace } = gathering(input.config.temporal);
  const outcomes: Record<string, StageOutcome> = {};
  const close = (status: RunStatus) =>
    writeSummary.executeWithOptions({ summary: `summary: ${status}` }, [
      { run: input, status, stages: outcomes, interventions: [...steering.state.interventions] },
    ]);

  const mark = (values: Searchable) => {
    if (input.searchable === true) upsertSearchAttributes(searchPairs(values));
  };
  await openResults.executeWithOptions({ summary: 'results folder' }, [input]);
  try {
    await steering.steer(async (state) => {
      const { doi } = await executeChild(acquire, {
        workflowId: stageId(run, 'acquire'),
        args: [{ run, config: input.config, data: input.folders.data, whole: false }],
        staticSummary: `Fetch and unpack record ${input.config.record}`,
        ...searchOptions(input, { stage: 'acquire', tasks: input.config.tasks }),
      });
      if (doi !== undefined) upsertMemo({ doi });
      mark({ stage: input.config.tasks.join('+') });
      await runStages({ run, input: underControl(input, state), skipped: state.skipped }, outcomes);
      mark({ stage: 'ledger' });
      await keepLedger(input, outcomes);
    });
  } catch (error) {
    if (isCancellation(error)) {
      await CancellationScope.nonCancellable(() => close('cancelled'));
      throw error;
    }
    for (const stage of stages.values()) if (stage.state === 'running') show({ ...stage, state: 'failed' });
    await close('failed');
    throw asFailure(error);
  }
  const status = Object.values(outcomes).some(({ failed }) => failed > 0) ? 'partial' : 'done';
  mark({ stage: 'report', verdicts: Object.values(outcomes).map(({ verdict }) => verdict) });
  await close(status);
  await writeTrace.executeWithOptions({ summary: 'trace of the steps' }, [{ folders: input.folders }]);
  const { writeReport } = rendering(input.config.temporal);
  await writeReport.executeWithOptions({ summary: 'report, crate, manifest' }, [{ folders: input.folders }]);
  return { status };
}

/** The run's input with the settings that somebody changed. */
function underControl(input: RunInput, { window }: ControlState): RunInput {
  return { ...input, config: { ...input.config, temporal: { ...input.config.temporal, window } } };
}

function detailsOf(stages: readonly StageProgress[], { paused, interventions }: ControlState): string {
  const list = interventions.map(({ at, what }) => `- ${at.slice(0, 19).replace('T', ' ')} ${what}`);
  return [
    ...(paused ? ['**Paused.** `npx reignite resume` goes on.', ''] : []),
    progressTable(stages),
    ...(list.length === 0 ? [] : ['', 'Interventions (UTC):', '', ...list]),
  ].join('\n');
}

const STAGES: Readonly<Record<Task, (stage: StageInput) => Promise<StageOutcome>>> = {
  he: segmentTissue,
  nuclei: detectNuclei,
  pdl1: detectPdl1,
};

/**
 * Runs the tasks side by side and writes the outcome of each that ended well into `outcomes`.
 *
 * @throws What ended the first task that did not: cancellation before anything else.
 */
async function runStages(stage: StageInput, outcomes: Record<string, StageOutcome>): Promise<void> {
  const settled = await Promise.allSettled(
    stage.input.config.tasks.map(async (task) => {
      outcomes[task] = await executeChild(STAGES[task], {
        workflowId: stageId(stage.run, task),
        args: [stage],
        staticSummary: TASK_TITLES[task],
        ...searchOptions(stage.input, { stage: task, tasks: [task] }),
      });
    }),
  );
  const errors = settled.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
  const [first] = [...errors.filter(isCancellation), ...errors];
  if (first !== undefined) throw first;
}
