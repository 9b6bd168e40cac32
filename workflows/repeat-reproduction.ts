import { ApplicationFailure, executeChild, workflowInfo } from '@temporalio/workflow';
import type { RunInput } from '../activities/inputs.ts';
import { withFailureInfo } from './failures.ts';
import { type RunOutcome, reproduce } from './reproduce.ts';
import { orchestrationActivities } from './steps.ts';

/** Input of the workflow that a schedule starts. */
export interface RepeatInput {
  /** ID of the run. */
  readonly run: string;
  /** Each repetition gets its own folder in the results folder. */
  readonly input: RunInput;
  /** What commands read about a run; the folders are added. */
  readonly memo: Readonly<Record<string, unknown>>;
}

export interface RepeatOutcome {
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
