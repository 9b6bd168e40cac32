import type { Client } from '@temporalio/client';
import { type Queue, taskQueue } from '../../config/task-queues.ts';

const WORKFLOW_QUEUE = 1;
const ACTIVITY_QUEUE = 2;
/** A poller seen longer ago has gone: a live one comes back every minute. */
const POLLER_SEEN_MS = 70_000;

/** Those of `queues` that no worker polls. */
export async function unpolledQueues(
  client: Client,
  namespace: string,
  prefix: string,
  queues: readonly Queue[],
): Promise<readonly Queue[]> {
  const polled = await Promise.all(queues.map((queue) => hasPollers(client, namespace, prefix, queue)));
  return queues.filter((_, index) => polled[index] !== true);
}

async function hasPollers(client: Client, namespace: string, prefix: string, queue: Queue): Promise<boolean> {
  const { pollers } = await client.workflowService.describeTaskQueue({
    namespace,
    taskQueue: { name: taskQueue(prefix, queue) },
    taskQueueType: queue === 'orchestration' ? WORKFLOW_QUEUE : ACTIVITY_QUEUE,
  });
  return (pollers ?? []).some(({ lastAccessTime }) => {
    const seconds = Number(lastAccessTime?.seconds ?? 0);
    return Date.now() - seconds * 1_000 < POLLER_SEEN_MS;
  });
}
