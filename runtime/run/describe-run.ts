import type { WorkflowExecutionInfo } from '@temporalio/client';
import type { Provenance } from '../../toolkit/dataset/provenance.ts';
import { provenanceOf, readSummaryFile, type Summary } from '../../toolkit/report/summary.ts';
import type { Verdict } from '../../toolkit/verdict/verdict.ts';

/** A run as `list` and `status` tell of it. */
export interface RunDescription {
  readonly run: string;
  /** `running`, or how it closed. */
  readonly status: string;
  /** ISO 8601, UTC. */
  readonly started: string;
  readonly closed: string | null;
  readonly results: string | null;
  readonly verdicts: Readonly<Record<string, Verdict>>;
  /** What was compared; null where no summary says so. */
  readonly provenance: Provenance | null;
}

/** What Temporal and the run's results folder say of it; no worker is asked. */
export async function describeRun(execution: WorkflowExecutionInfo): Promise<RunDescription> {
  const { workflowId, status, startTime, closeTime } = execution;
  const summary = isPrediction(execution) ? undefined : await summaryOf(execution);
  const verdicts = Object.entries(summary?.tasks ?? {}).map(([task, { verdict }]) => [task, verdict] as const);
  return {
    run: workflowId,
    status: status.name === 'COMPLETED' ? (summary?.status ?? 'done') : status.name.toLowerCase(),
    started: startTime.toISOString(),
    closed: closeTime?.toISOString() ?? null,
    results: resultsOf(execution) ?? predictionsOf(execution) ?? null,
    verdicts: Object.fromEntries(verdicts),
    provenance: summary === undefined ? null : provenanceOf(summary),
  };
}

/** The summary that a run left; undefined when its results folder is gone or another run's by now. */
export async function summaryOf(execution: WorkflowExecutionInfo): Promise<Summary | undefined> {
  const results = resultsOf(execution);
  const summary = results === undefined ? undefined : await readSummaryFile(results);
  return summary?.run === execution.workflowId ? summary : undefined;
}

/** Whether it predicts images of the user's; else it is a run of a record. */
export function isPrediction({ type }: WorkflowExecutionInfo): boolean {
  return type === 'predictImages';
}

/** The results folder that a run was started with. */
export function resultsOf(execution: WorkflowExecutionInfo): string | undefined {
  return textOf(execution, 'results');
}

/** The folder that a prediction was started with. */
function predictionsOf(execution: WorkflowExecutionInfo): string | undefined {
  return textOf(execution, 'out');
}

function textOf({ memo }: WorkflowExecutionInfo, key: string): string | undefined {
  const value: unknown = memo?.[key];
  return typeof value === 'string' ? value : undefined;
}
