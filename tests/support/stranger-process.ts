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
  const answers = await Promise.all(
    order.attempts.map(async (attempt) => {
      const { way, type } = attempt;
      const workflowId = `stranger/${randomUUID()}`;
      await withNamespace(() => startAs(client, workflowId, attempt));
      return { way, type, answer: await endOf(client, workflowId, way === 'activity') };
    }),
  );
  await connection.close();
  return answers;
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
  if (way === 'activity') await scheduleActivity(client, workflowId, { way, type, taskQueue, input });
}

/** Schedules an activity from a workflow of the stranger's, which can use any activity on any queue. */
async function scheduleActivity(
  client: Client,
  workflowId: string,
  { type, taskQueue, input }: Attempt,
): Promise<void> {
  const { workflowService } = client;
  const queue = { name: `${QUEUE}-${workflowId}` };
  const namespace = 'default';
  await workflowService.startWorkflowExecution({
    namespace,
    workflowId,
    workflowType: { name: 'anything' },
    taskQueue: queue,
    requestId: randomUUID(),
  });
  const { taskToken } = await client.connection.withDeadline(Date.now() + ANSWER_MS, () =>
    workflowService.pollWorkflowTaskQueue({ namespace, taskQueue: queue, identity: 'stranger' }),
  );
  const payload = defaultPayloadConverter.toPayload(input);
  await workflowService.respondWorkflowTaskCompleted({
    namespace,
    taskToken,
    commands: [
      {
        commandType: proto.temporal.api.enums.v1.CommandType.COMMAND_TYPE_SCHEDULE_ACTIVITY_TASK,
        scheduleActivityTaskCommandAttributes: {
          activityId: '1',
          activityType: { name: type },
          taskQueue: { name: taskQueue },
          input: { payloads: payload === undefined ? [] : [payload] },
          scheduleToCloseTimeout: msToTs(ANSWER_MS),
          // A task that was lost on its way to a busy worker is sent again.
          startToCloseTimeout: msToTs(ATTEMPT_MS),
          retryPolicy: { maximumAttempts: 5 },
        },
      },
    ],
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

async function endOf(client: Client, scheduled: string, ofActivity: boolean): Promise<string> {
  const deadline = Date.now() + ANSWER_MS;
  while (Date.now() < deadline) {
    const workflowId = await idOf(client, scheduled);
    const events = workflowId === undefined ? [] : await eventsOf(client, workflowId);
    for (const event of events) {
      const failure = ofActivity
        ? event.activityTaskFailedEventAttributes?.failure
        : (event.workflowExecutionFailedEventAttributes?.failure ?? event.workflowTaskFailedEventAttributes?.failure);
      if (failure) return codesOf(failure);
      if (event.activityTaskTimedOutEventAttributes) return 'no worker took it';
      if (ofActivity && event.activityTaskCompletedEventAttributes) return 'done';
      if (event.workflowExecutionCompletedEventAttributes) return 'done';
    }
    await sleep(300);
  }
  return 'no answer';
}

/** Returns the full ID: a schedule appends the time to the ID of what it starts. */
async function idOf(client: Client, id: string): Promise<string | undefined> {
  for await (const { workflowId } of client.workflow.list({ query: `WorkflowId STARTS_WITH "${id}"` }))
    return workflowId;
  return undefined;
}

async function eventsOf(client: Client, workflowId: string): Promise<readonly temporal.api.history.v1.IHistoryEvent[]> {
  const { events } = await client.workflow.getHandle(workflowId).fetchHistory();
  return events ?? [];
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
