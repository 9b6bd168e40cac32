import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import { QUEUES, type Queue } from '../../config/tasks.ts';
import type { ControlState } from '../../workflows/control.ts';
import { stageOf } from '../../workflows/search-attributes.ts';
import type { ServerSession } from '../session/server-session.ts';
import { unservedQueues } from '../workers/pollers.ts';

/** Time within which the workers of a new command start serving. */
const WORKERS_START_MS = 4_000;
const LOOK_MS = 400;
const QUERY_MS = 2_000;

/** Queues with the actual work. `orchestration` is also served by every command that queries or controls a run. */
const WORK: readonly Queue[] = QUEUES.filter((queue) => queue !== 'orchestration');

/** The state of an open run. */
export interface OpenState {
  /** Whether any process is working on it; if not, its command was interrupted. */
  readonly isWorkedOn: boolean;
  readonly isPaused: boolean;
}

/** Determines whether an open run or prediction is paused, and whether any process is working on it. */
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
  // The workers of a state directory end with the command that owns it. If there were any, this command would not be
  // the owner.
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
 * Queries an open run or prediction whether it is paused: predictions, and servers without our search attributes, do
 * not record it otherwise.
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
