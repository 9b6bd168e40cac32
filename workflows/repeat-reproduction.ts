import { ApplicationFailure, executeChild, workflowInfo } from '@temporalio/workflow';
import type { RunInput } from '../activities/inputs.ts';
import { withFailureInfo } from './failures.ts';
import { type RunOutcome, reproduce } from './reproduce.ts';
import { orchestrationActivities } from './steps.ts';

/** What a schedule starts. */
export interface RepeatInput {
  /** Id of the run. */
  readonly run: string;
  /** Each time gets a folder of its own in the results folder. */
  readonly input: RunInput;
  /** What commands read of a run; folders are added. */
  readonly memo: Readonly<Record<string, unknown>>;
}

export interface RepeatOutcome {
  /** By task, as people read them. */
  readonly verdicts: RunOutcome['verdicts'];
  readonly report: string;
}

/**
 * Reproduces once more, with nothing from the cache, and compares the verdicts with those of the time before. A verdict that
 * changed ends it as failed, by VERDICT_CHANGED: an alert on failed workflows of the namespace reports it. The next
 * time compares with the new verdicts.
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
