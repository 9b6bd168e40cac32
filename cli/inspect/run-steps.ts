import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import type { temporal } from '@temporalio/proto';
import { traceLines } from '../../activities/report/write-trace.ts';
import { remedyOf } from '../../toolkit/errors.ts';
import type { TraceLine } from '../../toolkit/report/trace.ts';

/** An error as the history has it, for a person. */
export interface Failure {
  readonly code: string;
  readonly cause: string;
  readonly remedy: string;
}

/** Finds the ReigniteError below what Temporal wraps around it. */
export function failureIn(failure: temporal.api.failure.v1.IFailure | null | undefined): Failure | undefined {
  if (!failure) return undefined;
  const application = failure.applicationFailureInfo;
  if (!application) {
    if (failure.cause) return failureIn(failure.cause);
    const isTimeout = Boolean(failure.timeoutFailureInfo);
    const cause = isTimeout ? `No heartbeat in time: the worker exited or hangs.` : failure.message;
    return { code: 'INTERNAL', cause: cause ?? '', remedy: remedyOf('WORKER_LOST') };
  }
  const code = application.type ?? 'INTERNAL';
  const [payload] = application.details?.payloads ?? [];
  const details: unknown = payload ? defaultPayloadConverter.fromPayload(payload) : undefined;
  const cause = textIn(details, 'cause') ?? failure.message ?? '';
  return { code, cause, remedy: textIn(details, 'remedy') ?? remedyOf(code) };
}

function textIn(value: unknown, name: string): string | undefined {
  const text: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
  return typeof text === 'string' ? text : undefined;
}

type Event = temporal.api.history.v1.IHistoryEvent;

/** An activity of a run, and where it is in the history. */
export interface RunStep extends TraceLine {
  /** Execution of `workflow` that asked for it. */
  readonly execution: string;
  /** Number of the event with which it was asked for. */
  readonly event: number;
  /** What ended it, or what ended the attempt before the last. */
  readonly failure?: Failure;
}

/** One workflow of a run: the run itself, a stage, a batch of ROIs. */
export interface RunPart {
  readonly workflow: string;
  readonly execution: string;
  readonly startedMs: number;
  readonly steps: readonly RunStep[];
  /** What ended it. */
  readonly failure?: Failure;
}

/** All workflows of a run with their activities, oldest first. Needs no worker. */
export async function partsOf(client: Client, run: WorkflowExecutionInfo): Promise<readonly RunPart[]> {
  const parts: RunPart[] = [];
  const query = `RootWorkflowId = ${JSON.stringify(run.workflowId)}`;
  for await (const { workflowId, runId, rootExecution, startTime, status } of client.workflow.list({ query })) {
    if (rootExecution?.runId !== run.runId) continue;
    const handle = client.workflow.getHandle(workflowId, runId);
    const events = (await handle.fetchHistory()).events ?? [];
    const pending = status.name === 'RUNNING' ? ((await handle.describe()).raw.pendingActivities ?? []) : [];
    const failure = failureIn(events.at(-1)?.workflowExecutionFailedEventAttributes?.failure);
    parts.push({
      workflow: workflowId,
      execution: runId,
      startedMs: startTime.getTime(),
      steps: stepsOf(workflowId, runId, events, pending),
      ...(failure === undefined ? {} : { failure }),
    });
  }
  return parts.sort((a, b) => a.startedMs - b.startedMs);
}

function stepsOf(
  workflow: string,
  execution: string,
  events: readonly Event[],
  pending: readonly temporal.api.workflow.v1.IPendingActivityInfo[],
): RunStep[] {
  const asked = events.filter((event) => event.activityTaskScheduledEventAttributes);
  const failures = new Map<string, Failure>();
  const note = (id: unknown, failure: Failure | undefined) => {
    if (failure !== undefined) failures.set(String(id), failure);
  };
  for (const event of events) {
    const started = event.activityTaskStartedEventAttributes;
    if (started) note(started.scheduledEventId, failureIn(started.lastFailure));
    const ended = event.activityTaskFailedEventAttributes ?? event.activityTaskTimedOutEventAttributes;
    if (ended) note(ended.scheduledEventId, failureIn(ended.failure));
  }
  // The lines come in the order in which the activities were asked for.
  return traceLines(workflow, events).map((line, index): RunStep => {
    const event = asked[index];
    const id = event?.activityTaskScheduledEventAttributes?.activityId;
    const waiting = line.outcome === 'open' ? pending.find(({ activityId }) => activityId === id) : undefined;
    const failure = failureIn(waiting?.lastFailure) ?? failures.get(String(event?.eventId));
    return {
      ...line,
      attempts: waiting?.attempt ?? line.attempts,
      execution,
      event: Number(event?.eventId ?? 0),
      ...(failure === undefined ? {} : { failure }),
    };
  });
}
