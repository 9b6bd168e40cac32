import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import type { temporal } from '@temporalio/proto';
import { traceLines } from '../../activities/report/write-trace.ts';
import { remedyOf } from '../../toolkit/errors.ts';
import { counted, timeText } from '../../toolkit/format.ts';
import type { TraceLine } from '../../toolkit/report/trace.ts';

/** An error in a history, as text for people. */
export interface Failure {
  readonly code: string;
  readonly cause: string;
  readonly remedy: string;
}

/** Finds the ReigniteError inside the failures that Temporal wraps around it. */
export function failureIn(failure: temporal.api.failure.v1.IFailure | null | undefined): Failure | undefined {
  if (!failure) return undefined;
  const application = failure.applicationFailureInfo;
  if (!application) {
    if (failure.cause) return failureIn(failure.cause);
    const isTimeout = Boolean(failure.timeoutFailureInfo);
    const cause = isTimeout ? 'The activity timed out: its worker exited or does not respond.' : failure.message;
    return {
      code: 'INTERNAL',
      cause: cause ?? '',
      remedy: 'Check the worker logs in the folder `logs` of the state directory.',
    };
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

/** An activity of a run, with its position in the history. */
export interface RunStep extends TraceLine {
  /** Execution of `workflow` that scheduled it. */
  readonly execution: string;
  /** ID of the event that scheduled it. */
  readonly event: number;
  /** The error that ended it, or that ended the attempt before the current one. */
  readonly failure?: Failure;
}

/** One workflow of a run: the run itself, a stage, a batch of ROIs. */
export interface RunPart {
  readonly workflow: string;
  readonly execution: string;
  readonly startedMs: number;
  readonly steps: readonly RunStep[];
  /** The error that ended it. */
  readonly failure?: Failure;
}

/**
 * Returns all workflows of a run with their activities, oldest first. A run that continued as new has several
 * executions, each with its own children. Needs no worker.
 */
export async function partsOf(client: Client, run: WorkflowExecutionInfo): Promise<readonly RunPart[]> {
  const query = `RootWorkflowId = ${JSON.stringify(run.workflowId)}`;
  const executions: WorkflowExecutionInfo[] = [];
  for await (const execution of client.workflow.list({ query })) executions.push(execution);
  const histories = new Map<string, readonly Event[]>();
  const eventsOf = async (workflowId: string, runId: string) => {
    const handle = client.workflow.getHandle(workflowId, runId);
    const events = histories.get(runId) ?? (await handle.fetchHistory()).events ?? [];
    histories.set(runId, events);
    return events;
  };
  const own = executions.filter(({ workflowId }) => workflowId === run.workflowId).map(({ runId }) => runId);
  const chain = await chainOf(run.runId, new Set(own), async (runId) =>
    continuedBy(await eventsOf(run.workflowId, runId)),
  );
  const parts: RunPart[] = [];
  for (const execution of executions) {
    if (!chain.has(rootOf(execution))) continue;
    const { workflowId, runId, startTime, status } = execution;
    const events = await eventsOf(workflowId, runId);
    const handle = client.workflow.getHandle(workflowId, runId);
    const pending = status.name === 'RUNNING' ? ((await handle.describe()).raw.pendingActivities ?? []) : [];
    const failure = failureIn(events.at(-1)?.workflowExecutionFailedEventAttributes?.failure);
    parts.push({
      workflow: workflowId,
      execution: runId,
      startedMs: startTime.getTime(),
      steps: stepsOf(workflowId, runId, events, pending),
      ...(failure === undefined ? {} : { failure }),
    });
    histories.delete(runId);
  }
  return parts.sort((a, b) => a.startedMs - b.startedMs);
}

/**
 * Returns the executions of one run: the newest one, and those that it continues.
 *
 * @param known - Run IDs of all executions with the ID of the run, including earlier runs of the same configuration.
 * @param continued - Returns the execution that another one continues; empty for the first one.
 */
export async function chainOf(
  newest: string,
  known: ReadonlySet<string>,
  continued: (runId: string) => Promise<string>,
): Promise<ReadonlySet<string>> {
  const chain = new Set<string>();
  for (let runId = newest; known.has(runId) && !chain.has(runId); runId = await continued(runId)) chain.add(runId);
  return chain;
}

/** Returns the execution that the one with these events continues. */
function continuedBy([first]: readonly Event[]): string {
  return first?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId ?? '';
}

/** Returns the run ID of an execution's root; if it has no parent, its own. */
function rootOf({ runId, rootExecution }: WorkflowExecutionInfo): string {
  return rootExecution?.runId ?? runId;
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
  // The lines are in the order in which the activities were scheduled.
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

/** An answer of `why`, as JSON and as text. */
export interface Answer {
  readonly document: unknown;
  readonly lines: readonly string[];
}

export function failureLines({ code, cause, remedy }: Failure): string[] {
  return [`  ${code}: ${cause}`, `  ${remedy}`];
}

export function stepLine({ step, summary, outcome, attempts, runSeconds, workflow, event, failure }: RunStep): string {
  const tried = counted(attempts, 'attempt');
  const took = runSeconds === null ? '' : `, ${timeText(runSeconds)}`;
  const said = failure === undefined ? '' : `; ${failure.code}: ${failure.cause}`;
  return `  ${step} (${summary}): ${outcome}, ${tried}${took}${said} [event ${event} of ${workflow}]`;
}

/** Returns the activities that were retried or failed. */
export function troubledSteps(parts: readonly RunPart[]): readonly RunStep[] {
  return parts.flatMap((part) => part.steps.filter((step) => step.outcome !== 'completed' || step.attempts > 1));
}

/** @param steps - The result of {@link troubledSteps}. */
export function troubleLines(steps: readonly RunStep[]): string[] {
  if (steps.length === 0) return ['All activities succeeded on the first attempt.'];
  return ['Activities that were retried or failed:', ...steps.map(stepLine)];
}

/** Returns whether an activity has this name, or this summary in the Temporal UI. */
export function isCalled(word: string): (step: RunStep) => boolean {
  return ({ step, summary }) => step === word || summary === word;
}
