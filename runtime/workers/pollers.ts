import { hostname } from 'node:os';
import type { Client, WorkflowService } from '@temporalio/client';
import { type Queue, taskQueue } from '../../config/task-queues.ts';
import { isTaken, processNonce, processTableTag } from '../../toolkit/files/process-identity.ts';

const WORKFLOW_QUEUE = 1;
export const ACTIVITY_QUEUE = 2;
/** A poller seen longer ago has gone: a live one comes back every minute. */
const POLLER_SEEN_MS = 70_000;

/**
 * How a worker shows in the Temporal UI, such as `inference-gpu01-1234-7f3a9c-ab12cd`: queue, host, process, process
 * table, and a part made at random when the process starts. Containers may share host name and process numbers.
 */
export function workerIdentity(queue: string): string {
  return [queue, hostname(), process.pid, processTableTag(), processNonce].join('-');
}

/** The queue in a worker's identity; any other text is returned up to its first hyphen. */
export function queueOfWorker(identity: string): string {
  return identity.split('-', 1)[0] ?? '';
}

/** Those of `queues` that no worker polls. One whose slots are all taken does not poll: see `unservedQueues`. */
export async function unpolledQueues(
  client: Client,
  namespace: string,
  prefix: string,
  queues: readonly Queue[],
): Promise<readonly Queue[]> {
  const pollers = await Promise.all(
    queues.map((queue) => {
      const type = queue === 'orchestration' ? WORKFLOW_QUEUE : ACTIVITY_QUEUE;
      return livePollers(client.workflowService, namespace, taskQueue(prefix, queue), type);
    }),
  );
  return queues.filter((_, index) => pollers[index]?.length === 0);
}

/** Identities of the workers that poll a task queue, of `WORKFLOW_QUEUE` or `ACTIVITY_QUEUE` type. */
export async function livePollers(
  service: WorkflowService,
  namespace: string,
  name: string,
  type: typeof WORKFLOW_QUEUE | typeof ACTIVITY_QUEUE,
): Promise<string[]> {
  const { pollers } = await service.describeTaskQueue({ namespace, taskQueue: { name }, taskQueueType: type });
  const recent = (pollers ?? []).flatMap(({ identity, lastAccessTime }) => {
    const isRecent = Date.now() - Number(lastAccessTime?.seconds ?? 0) * 1_000 < POLLER_SEEN_MS;
    return isRecent ? [identity ?? ''] : [];
  });
  const ended = await Promise.all(recent.map(hasEndedHere));
  return recent.filter((_, index) => !ended[index]);
}

/**
 * The server remembers pollers for a while; of those in this process table it can be told at once whether they live.
 *
 * @param identity - As `workerIdentity` makes it; of any other nothing is known.
 */
export async function hasEndedHere(identity: string): Promise<boolean> {
  const [, pid, tag] = /-(\d+)-([0-9a-f]{6})-[0-9a-f]{6}$/.exec(identity) ?? [];
  return tag === processTableTag() && !(await isTaken(Number(pid)));
}
