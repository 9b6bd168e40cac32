import type { Client } from '@temporalio/client';
import type { Queue } from '../../config/task-queues.ts';
import { busyQueues } from './busy-workers.ts';
import { unpolledQueues } from './pollers.ts';

/** Those of `queues` that no worker serves: none polls, and none is busy with an activity from there. */
export async function unservedQueues(
  client: Client,
  namespace: string,
  prefix: string,
  queues: readonly Queue[],
): Promise<readonly Queue[]> {
  const unpolled = await unpolledQueues(client, namespace, prefix, queues);
  if (unpolled.length === 0) return unpolled;
  const busy = await busyQueues(client, prefix);
  return unpolled.filter((queue) => !busy.has(queue));
}
