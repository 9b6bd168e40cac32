import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, WorkflowService } from '@temporalio/client';
import type { NativeConnection } from '@temporalio/worker';
import { QUEUES, type Queue, taskQueue } from '../../config/tasks.ts';
import { isErrorCode, ReigniteError } from '../../toolkit/errors.ts';
import type { HomeFolders } from '../../toolkit/files/folders.ts';
import { type FileLock, lockFile } from '../../toolkit/files/lease.ts';
import { isTaken, processNonce, processTableTag } from '../../toolkit/files/process-identity.ts';
import type { ServerAddress } from '../server/connection.ts';

const WORKFLOW_QUEUE = 1;
export const ACTIVITY_QUEUE = 2;
/** A poller not seen for this long is gone: a living one polls every minute. */
const POLLER_SEEN_MS = 70_000;

/**
 * Returns the identity of a worker in the Temporal UI, such as `inference-gpu01-1234-7f3a9c-ab12cd`: queue, host, PID,
 * process table, and a random part per process, since containers may share host name and PIDs.
 */
export function workerIdentity(queue: string): string {
  return [queue, hostname(), process.pid, processTableTag(), processNonce].join('-');
}

/** Returns the queue in a worker's identity; for any other text, the part before its first hyphen. */
function queueOfWorker(identity: string): string {
  return identity.split('-', 1)[0] ?? '';
}

/** Returns those of `queues` that no worker polls. A worker whose slots are all taken does not poll: see `unservedQueues`. */
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

/** Returns the identities of the workers that poll a task queue of type `WORKFLOW_QUEUE` or `ACTIVITY_QUEUE`. */
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
 * Returns whether a worker in this process table has ended; the server remembers its pollers longer.
 *
 * @param identity - Created by `workerIdentity`; nothing is known about others.
 */
export async function hasEndedHere(identity: string): Promise<boolean> {
  const [, pid, tag] = /-(\d+)-([0-9a-f]{6})-[0-9a-f]{6}$/.exec(identity) ?? [];
  return tag === processTableTag() && !(await isTaken(Number(pid)));
}

/** States of `PendingActivityState`: started, or being cancelled. */
const IN_HAND: ReadonlySet<unknown> = new Set([2, 3]);

/**
 * Returns the queues on which a living worker has an activity in progress. A worker whose slots are all taken does not
 * poll: an inference worker that is computing an ROI is not among the pollers.
 *
 * A killed worker on another machine counts until the server misses its heartbeats and reschedules the activity.
 *
 * @param prefix - Prefix of the task queues.
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

/** Returns the identities of the workers that work on an activity of this workflow. */
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

/** Returns those of `queues` that no worker serves: none polls it, and none is busy with an activity from it. */
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

/** A state of `PendingActivityState`. */
const SCHEDULED = 1;

/** An activity that no worker is working on. */
export interface WaitingActivity {
  /** The workflow that waits. */
  readonly workflow: string;
  readonly activity: string;
  readonly queue: Queue | undefined;
  /** Number of attempts that were started. */
  readonly attempts: number;
  /** Why the last attempt ended; undefined before the first one. */
  readonly last: { readonly code: string | undefined; readonly message: string } | undefined;
}

const QUEUE_OF: Readonly<Record<string, Queue>> = {
  fetchRecord: 'download',
  downloadFile: 'download',
  inferRoi: 'inference',
  probeInference: 'inference',
  measureTask: 'inference',
  predictImage: 'inference',
  planSlide: 'inference',
  predictStrip: 'inference',
  openResults: 'orchestration',
  noteVerdicts: 'orchestration',
  writeSummary: 'orchestration',
  writeTrace: 'orchestration',
  writePrediction: 'orchestration',
};

/** Lists the activities of open workflows of a prefix that wait for a worker, or for their next attempt. */
export async function waitingActivities(client: Client, prefix: string): Promise<readonly WaitingActivity[]> {
  const waiting: WaitingActivity[] = [];
  for await (const open of client.workflow.list({ query: "ExecutionStatus = 'Running'" })) {
    if (open.taskQueue !== taskQueue(prefix, 'orchestration')) continue;
    const described = await client.workflow
      .getHandle(open.workflowId)
      .describe()
      // It may have closed since it was listed.
      .catch(() => undefined);
    for (const { state, activityType, attempt, lastFailure } of described?.raw.pendingActivities ?? []) {
      if (state !== SCHEDULED) continue;
      const activity = activityType?.name ?? '';
      const earlier = Math.max(0, (attempt ?? 1) - 1);
      waiting.push({
        workflow: open.workflowId,
        activity,
        queue: QUEUE_OF[activity] ?? QUEUES.find((queue) => queue === 'render'),
        attempts: earlier,
        last: lastFailure ? failureOf(lastFailure) : undefined,
      });
    }
  }
  return waiting;
}

function failureOf(failure: {
  readonly message?: string | null;
  readonly applicationFailureInfo?: { readonly type?: string | null } | null;
}): NonNullable<WaitingActivity['last']> {
  const type = failure.applicationFailureInfo?.type;
  return { code: isErrorCode(type) ? type : undefined, message: failure.message ?? '' };
}

/** Time within which a worker that was asked to stop exits. */
const PREDECESSOR_ENDS_MS = 30_000;
const POLL_MS = 250;

/**
 * Makes this process the only downloader, since limits on connections and requests apply per process. Within a state
 * directory a lock ensures it; on a server that several machines share, no other worker may poll the queue.
 *
 * @throws ReigniteError DOWNLOADER_ALREADY_RUNNING that names the other downloader.
 */
export async function becomeSoleDownloader(
  home: HomeFolders,
  server: ServerAddress,
  connection: NativeConnection,
  taskQueue: string,
): Promise<void> {
  await lockWhenFree(join(home.home, 'download.lock'));
  if (!server.external) return;
  const other = await otherDownloader(connection, server, taskQueue);
  if (other === undefined) return;
  throw new ReigniteError(
    'DOWNLOADER_ALREADY_RUNNING',
    `The worker "${other}" already serves ${taskQueue} on ${server.address}.`,
  );
}

/**
 * Looks for another downloader on a shared server: two that started at the same moment may have missed each other.
 *
 * @returns The identity of the downloader that has to stay, if it is not this one.
 */
export async function rivalDownloader(
  connection: NativeConnection,
  server: ServerAddress,
  taskQueue: string,
): Promise<string | undefined> {
  const other = server.external ? await otherDownloader(connection, server, taskQueue) : undefined;
  return other !== undefined && other < workerIdentity('download') ? other : undefined;
}

async function lockWhenFree(path: string): Promise<FileLock> {
  const deadline = Date.now() + PREDECESSOR_ENDS_MS;
  for (;;) {
    try {
      return await lockFile(path, 'The record of this state directory');
    } catch (error) {
      const isHeld = error instanceof ReigniteError && error.code === 'FILE_LOCKED';
      if (!isHeld) throw error;
      if (Date.now() > deadline) throw new ReigniteError('DOWNLOADER_ALREADY_RUNNING', error.message, { cause: error });
    }
    await sleep(POLL_MS);
  }
}

async function otherDownloader(
  connection: NativeConnection,
  server: ServerAddress,
  taskQueue: string,
): Promise<string | undefined> {
  const pollers = await livePollers(connection.workflowService, server.namespace, taskQueue, ACTIVITY_QUEUE);
  const own = workerIdentity('download');
  return pollers.filter((identity) => identity !== own).sort()[0];
}
