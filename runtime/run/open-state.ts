import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import { QUEUES, type Queue } from '../../config/tasks.ts';
import type { ControlState } from '../../workflows/control.ts';
import { stageOf } from '../../workflows/search-attributes.ts';
import type { ServerSession } from '../session/server-session.ts';
import { unservedQueues } from '../workers/pollers.ts';

/** Workers that a command has just started serve by then. */
const WORKERS_START_MS = 4_000;
const LOOK_MS = 400;
const QUERY_MS = 2_000;

/** Queues of the work itself. `orchestration` is served by every command that queries or controls a run. */
const WORK: readonly Queue[] = QUEUES.filter((queue) => queue !== 'orchestration');

/** What an open run is doing. */
export interface OpenState {
  /** Whether any process is working on it; otherwise its command was interrupted. */
  readonly isWorkedOn: boolean;
  readonly isPaused: boolean;
}

/** Asks whether an open run or prediction is paused, and whether any process is working on it. */
export async function openStateOf(session: ServerSession, execution: WorkflowExecutionInfo): Promise<OpenState> {
  const isWorkedOn = await hasWorkers(session, execution);
  const stage = stageOf(execution.typedSearchAttributes);
  const isPaused = stage === undefined && isWorkedOn ? await askPaused(session.client, execution) : stage === 'paused';
  return { isWorkedOn, isPaused };
}

async function hasWorkers(
  { client, server, owner }: ServerSession,
  { taskQueue }: WorkflowExecutionInfo,
): Promise<boolean> {
  // The state directory's workers end with the command that owns it: another one would own it if any were there.
  if (owner && !server.external) return false;
  const prefix = taskQueue.slice(0, -'-orchestration'.length);
  const deadline = Date.now() + WORKERS_START_MS;
  for (;;) {
    const unserved = await unservedQueues(client, server.namespace, prefix, WORK);
    if (unserved.length < WORK.length) return true;
    if (Date.now() > deadline) return false;
    await sleep(LOOK_MS);
  }
}

/**
 * Asks an open run or prediction itself whether it is paused: on a server without the search attributes only it knows, and a
 * prediction has none.
 *
 * @param withinMs - How long to wait for a worker's answer; without one it counts as not paused.
 */
export async function askPaused(
  client: Client,
  { workflowId }: Pick<WorkflowExecutionInfo, 'workflowId'>,
  withinMs = QUERY_MS,
): Promise<boolean> {
  try {
    const ask = () => client.workflow.getHandle(workflowId).query<ControlState>('control');
    return (await client.withDeadline(Date.now() + withinMs, ask)).paused;
  } catch {
    return false;
  }
}
