import { Context } from '@temporalio/activity';
import { defaultPayloadConverter } from '@temporalio/common';
import type { temporal } from '@temporalio/proto';
import { type TraceLine, writeTraceFile } from '../../toolkit/report/trace.ts';
import { withHeartbeat } from '../heartbeat.ts';
import { FoldersInput } from '../inputs.ts';

type Event = temporal.api.history.v1.IHistoryEvent;
type Time = Event['eventTime'];

/** Returns the activities of a workflow's history, each in its final state. */
export function traceLines(workflow: string, events: readonly Event[]): TraceLine[] {
  const steps = new Map<string, TraceLine>();
  for (const event of events) {
    const scheduled = event.activityTaskScheduledEventAttributes;
    if (scheduled) {
      steps.set(String(event.eventId), {
        workflow,
        step: scheduled.activityType?.name ?? '',
        summary: summaryOf(event),
        scheduled: isoOf(event.eventTime),
        started: null,
        closed: null,
        queueSeconds: null,
        runSeconds: null,
        attempts: 0,
        worker: '',
        peakMemoryBytes: null,
        outcome: 'open',
      });
    }
    const started = event.activityTaskStartedEventAttributes;
    if (started) {
      const { attempt, identity } = started;
      change(steps, started.scheduledEventId, (line) => ({
        started: isoOf(event.eventTime),
        queueSeconds: secondsBetween(line.scheduled, isoOf(event.eventTime)),
        attempts: attempt ?? 1,
        worker: identity ?? '',
      }));
    }
    const [closing, outcome] = closingOf(event);
    if (closing) {
      change(steps, closing.scheduledEventId, (line) => ({
        closed: isoOf(event.eventTime),
        runSeconds: secondsBetween(line.started, isoOf(event.eventTime)),
        outcome,
        peakMemoryBytes: peakOf(event),
      }));
    }
  }
  return [...steps.values()];
}

function closingOf(event: Event) {
  if (event.activityTaskCompletedEventAttributes)
    return [event.activityTaskCompletedEventAttributes, 'completed'] as const;
  if (event.activityTaskFailedEventAttributes) return [event.activityTaskFailedEventAttributes, 'failed'] as const;
  if (event.activityTaskTimedOutEventAttributes)
    return [event.activityTaskTimedOutEventAttributes, 'timed out'] as const;
  return [event.activityTaskCanceledEventAttributes, 'cancelled'] as const;
}

/** Reads the peak memory from the result of a completed activity (activities/interceptors.ts). */
function peakOf({ activityTaskCompletedEventAttributes: completed }: Event): number | null {
  const [payload] = completed?.result?.payloads ?? [];
  const result: unknown = payload ? defaultPayloadConverter.fromPayload(payload) : undefined;
  const peak: unknown = typeof result === 'object' && result !== null ? Reflect.get(result, 'peakMemoryBytes') : null;
  return typeof peak === 'number' ? peak : null;
}

function change(
  steps: Map<string, TraceLine>,
  scheduledEventId: unknown,
  changesOf: (line: TraceLine) => Partial<TraceLine>,
): void {
  const line = steps.get(String(scheduledEventId));
  if (line !== undefined) steps.set(String(scheduledEventId), { ...line, ...changesOf(line) });
}

function summaryOf({ userMetadata }: Event): string {
  const payload = userMetadata?.summary;
  const text: unknown = payload ? defaultPayloadConverter.fromPayload(payload) : '';
  return typeof text === 'string' ? text : '';
}

function isoOf(time: Time): string | null {
  if (!time) return null;
  return new Date(Number(time.seconds ?? 0) * 1_000 + (time.nanos ?? 0) / 1e6).toISOString();
}

function secondsBetween(from: string | null, to: string | null): number | null {
  return from === null || to === null ? null : (Date.parse(to) - Date.parse(from)) / 1_000;
}

/** Writes trace.jsonl: when each activity of the run waited and ran, with its attempts and its worker. */
export function createWriteTrace() {
  return async function writeTrace(input: FoldersInput): Promise<{ readonly steps: number }> {
    const { folders } = FoldersInput.parse(input);
    const { client, info } = Context.current();
    const run = info.workflowExecution;
    return withHeartbeat({ phase: 'trace', steps: 0 }, async (report) => {
      const lines: TraceLine[] = [];
      const query = `RootWorkflowId = ${JSON.stringify(run?.workflowId ?? '')}`;
      for await (const { workflowId, runId, rootExecution } of client.workflow.list({ query })) {
        if (rootExecution?.runId !== run?.runId) continue;
        const { events } = await client.workflow.getHandle(workflowId, runId).fetchHistory();
        lines.push(...traceLines(workflowId, events ?? []));
        report({ phase: 'trace', steps: lines.length });
      }
      await writeTraceFile(folders.results, lines);
      return { steps: lines.length };
    });
  };
}
