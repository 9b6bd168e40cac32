import { fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { defaultPayloadConverter, NamespaceNotFoundError } from '@temporalio/common';
import { msToTs } from '@temporalio/common/lib/time.js';
import proto, { type temporal } from '@temporalio/proto';
import { defineUpdate } from '@temporalio/workflow';
import { z } from 'zod';

/** The unprivileged user ID of Debian and most other systems. */
const NOBODY = 65_534;
const ANSWER_MS = 300_000;
const ATTEMPT_MS = 10_000;
const QUEUE = 'of-a-stranger';
const NAMESPACE = 'default';

const Attempt = z.object({
  /** What to start, and how. */
  way: z.enum(['start', 'schedule', 'signal', 'update', 'activity']),
  type: z.string(),
  taskQueue: z.string(),
  input: z.unknown(),
});
export type Attempt = z.infer<typeof Attempt>;
const Order = z.object({ address: z.string(), attempts: z.array(Attempt) });

export interface Answer {
  readonly way: Attempt['way'];
  readonly type: string;
  /** How it ended: the codes of its failures, or its result. */
  readonly answer: string;
}
const Answers = z.array(z.object({ way: Attempt.shape.way, type: z.string(), answer: z.string() }));

/** Makes another user of this machine try all attempts on a Temporal server. Needs root, to become another user. */
export async function tryAsStranger(order: z.infer<typeof Order>): Promise<readonly Answer[]> {
  const child = fork(fileURLToPath(import.meta.url), ['be-a-stranger'], { execArgv: ['--import', 'tsx'] });
  const ended = once(child, 'exit');
  // Its end may be noticed before its answer is read, but the channel is closed after that.
  const closed = once(child, 'disconnect').then(async () => {
    throw new Error(`The stranger ended with status ${(await ended)[0]}, without answers`);
  });
  child.send(order);
  const [answers] = await Promise.race([once(child, 'message'), closed]);
  await ended;
  return Answers.parse(answers);
}

async function tryAll(order: z.infer<typeof Order>): Promise<readonly Answer[]> {
  const connection = await Connection.connect({ address: order.address });
  const client = new Client({ connection });
  const activities = order.attempts.filter(({ way }) => way === 'activity');
  const answers = await Promise.all([
    ...order.attempts.filter(({ way }) => way !== 'activity').map((attempt) => tryWorkflow(client, attempt)),
    tryActivities(client, activities),
  ]);
  await connection.close();
  return answers.flat();
}

async function tryWorkflow(client: Client, attempt: Attempt): Promise<readonly Answer[]> {
  const { way, type } = attempt;
  const id = `stranger/${randomUUID()}`;
  await withNamespace(() => startAs(client, id, attempt));
  const workflowId = way === 'schedule' ? await idOf(client, id) : id;
  for await (const event of eventsOf(client, workflowId)) {
    const failure =
      event.workflowExecutionFailedEventAttributes?.failure ?? event.workflowTaskFailedEventAttributes?.failure;
    if (failure) return [{ way, type, answer: codesOf(failure) }];
    if (event.activityTaskTimedOutEventAttributes) return [{ way, type, answer: 'no worker took it' }];
    if (event.workflowExecutionCompletedEventAttributes) return [{ way, type, answer: 'done' }];
  }
  return [{ way, type, answer: 'no answer' }];
}

/** Repeats what fails because the server does not find its namespace, as it may for a moment on a busy machine. */
async function withNamespace(start: () => Promise<void>): Promise<void> {
  const deadline = Date.now() + ANSWER_MS;
  for (;;) {
    try {
      return await start();
    } catch (error) {
      if (!(error instanceof NamespaceNotFoundError) || Date.now() > deadline) throw error;
      await sleep(300);
    }
  }
}

async function startAs(client: Client, workflowId: string, { way, type, taskQueue, input }: Attempt): Promise<void> {
  const options = { workflowId, taskQueue, args: [input] };
  if (way === 'start') await client.workflow.start(type, options);
  if (way === 'signal') {
    await client.workflow.signalWithStart(type, { ...options, signal: 'anything', signalArgs: [input] });
  }
  if (way === 'update') {
    const setMaxConcurrentRois = defineUpdate<void, [number]>('setMaxConcurrentRois');
    await client.workflow.start(type, options);
    const handle = client.workflow.getHandle(workflowId);
    await handle.startUpdate(setMaxConcurrentRois, { args: [7], waitForStage: 'ACCEPTED' }).catch(() => undefined);
  }
  if (way === 'schedule') {
    const action = { type: 'startWorkflow' as const, workflowType: type, ...options };
    const schedule = await client.schedule.create({ scheduleId: workflowId, spec: {}, action });
    await schedule.trigger();
  }
}

/** Schedules activities from a workflow of the stranger's, which can use any activity on any queue. */
async function tryActivities(client: Client, attempts: readonly Attempt[]): Promise<readonly Answer[]> {
  const workflowId = `stranger/${randomUUID()}`;
  await withNamespace(() => scheduleActivities(client, workflowId, attempts));
  const answers: string[] = [];
  const places = new Map<string, number>();
  const note = (scheduledEventId: unknown, answer: string) => {
    const place = places.get(String(scheduledEventId));
    if (place !== undefined) answers[place] ??= answer;
  };
  for await (const { eventId, ...event } of eventsOf(client, workflowId)) {
    const scheduled = event.activityTaskScheduledEventAttributes;
    if (scheduled) places.set(String(eventId), Number(scheduled.activityId));
    const failed = event.activityTaskFailedEventAttributes;
    if (failed) note(failed.scheduledEventId, codesOf(failed.failure));
    const late = event.activityTaskTimedOutEventAttributes;
    if (late) note(late.scheduledEventId, 'no worker took it');
    const completed = event.activityTaskCompletedEventAttributes;
    if (completed) note(completed.scheduledEventId, 'done');
    if (Object.keys(answers).length === attempts.length) break;
  }
  return attempts.map(({ way, type }, place) => ({ way, type, answer: answers[place] ?? 'no answer' }));
}

async function scheduleActivities(client: Client, workflowId: string, attempts: readonly Attempt[]): Promise<void> {
  const { workflowService } = client;
  // Of this workflow alone: those of earlier attempts wait for a worker too.
  const queue = { name: `${QUEUE}-${workflowId}` };
  await workflowService.startWorkflowExecution({
    namespace: NAMESPACE,
    workflowId,
    workflowType: { name: 'anything' },
    taskQueue: queue,
    requestId: randomUUID(),
  });
  const { taskToken } = await client.connection.withDeadline(Date.now() + ANSWER_MS, () =>
    workflowService.pollWorkflowTaskQueue({ namespace: NAMESPACE, taskQueue: queue, identity: 'stranger' }),
  );
  await workflowService.respondWorkflowTaskCompleted({
    namespace: NAMESPACE,
    taskToken,
    commands: attempts.map(({ type, taskQueue, input }, place) => {
      const payload = defaultPayloadConverter.toPayload(input);
      return {
        commandType: proto.temporal.api.enums.v1.CommandType.COMMAND_TYPE_SCHEDULE_ACTIVITY_TASK,
        scheduleActivityTaskCommandAttributes: {
          activityId: String(place),
          activityType: { name: type },
          taskQueue: { name: taskQueue },
          input: { payloads: payload === undefined ? [] : [payload] },
          scheduleToCloseTimeout: msToTs(ANSWER_MS),
          // A task that was lost on its way to a busy worker is sent again.
          startToCloseTimeout: msToTs(ATTEMPT_MS),
          retryPolicy: { maximumAttempts: 5 },
        },
      };
    }),
  });
}

type Failure = temporal.api.failure.v1.IFailure;

/** @returns The types of the failure and its causes, the innermost last. */
function codesOf(failure: Failure | null | undefined): string {
  if (!failure) return '';
  const inner = codesOf(failure.cause);
  const own = failure.applicationFailureInfo?.type ?? '';
  return own && inner ? `${own} ${inner}` : own || inner || (failure.message ?? '');
}

/** Yields the events of a workflow as they come: the server answers when there are new ones, so nothing is polled. */
async function* eventsOf(
  client: Client,
  workflowId: string,
): AsyncGenerator<temporal.api.history.v1.IHistoryEvent, void> {
  const deadline = Date.now() + ANSWER_MS;
  const request = { namespace: NAMESPACE, execution: { workflowId }, waitNewEvent: true };
  let nextPageToken: Uint8Array = new Uint8Array();
  do {
    const page: temporal.api.workflowservice.v1.IGetWorkflowExecutionHistoryResponse =
      await client.workflowService.getWorkflowExecutionHistory({ ...request, nextPageToken });
    yield* page.history?.events ?? [];
    nextPageToken = page.nextPageToken ?? new Uint8Array();
    // A workflow that has closed has no next page.
  } while (nextPageToken.length > 0 && Date.now() < deadline);
}

/** Returns the full ID: a schedule appends the time to the ID of what it starts. */
async function idOf(client: Client, id: string): Promise<string> {
  const deadline = Date.now() + ANSWER_MS;
  while (Date.now() < deadline) {
    for await (const { workflowId } of client.workflow.list({ query: `WorkflowId STARTS_WITH "${id}"` }))
      return workflowId;
    await sleep(300);
  }
  throw new Error(`Nothing was started as ${id}`);
}

if (process.argv[2] === 'be-a-stranger') {
  process.setgroups?.([]);
  process.setgid?.(NOBODY);
  process.setuid?.(NOBODY);
  process.once('message', async (order) => {
    process.send?.(await tryAll(Order.parse(order)));
    process.disconnect();
  });
}
