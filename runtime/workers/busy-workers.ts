import type { Client } from '@temporalio/client';
import { QUEUES, type Queue, taskQueue } from '../../config/task-queues.ts';
import { hasEndedHere, queueOfWorker } from './pollers.ts';

/** Of `PendingActivityState`: started, and told to stop. */
const IN_HAND: ReadonlySet<unknown> = new Set([2, 3]);

/**
 * The queues on which a living worker has an activity in hand. A worker whose slots are all taken does not poll: an
 * inference worker that is within one ROI is not among the pollers.
 *
 * A worker elsewhere that was killed counts until the server has missed its heartbeats and gives the activity away.
 *
 * @param prefix - Of the task queues.
 */
export async function busyQueues(client: Client, prefix: string): Promise<ReadonlySet<Queue>> {
  const orchestration = taskQueue(prefix, 'orchestration');
  const workers = new Set<string>();
  for await (const open of client.workflow.list({ query: "ExecutionStatus = 'Running'" })) {
    if (open.taskQueue !== orchestration) continue;
    for (const worker of await workersWithActivities(client, open.workflowId)) workers.add(worker);
  }
  const living = await Promise.all([...workers].map(async (worker) => ((await hasEndedHere(worker)) ? '' : worker)));
  const names = new Set(living.map(queueOfWorker));
  return new Set(QUEUES.filter((queue) => names.has(queue)));
}

/** Identities of the workers that have an activity of this workflow in hand. */
async function workersWithActivities(client: Client, id: string): Promise<string[]> {
  // It may have closed since it was listed.
  const description = await client.workflow
    .getHandle(id)
    .describe()
    .catch(() => undefined);
  return (description?.raw.pendingActivities ?? []).flatMap(({ state, lastWorkerIdentity }) =>
    IN_HAND.has(state) && lastWorkerIdentity ? [lastWorkerIdentity] : [],
  );
}
