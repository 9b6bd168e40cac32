import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { NativeConnection } from '@temporalio/worker';
import { ReigniteError } from '../../toolkit/errors.ts';
import { type FileLock, lockFile } from '../../toolkit/files/file-lock.ts';
import type { HomeFolders } from '../../toolkit/files/home-folders.ts';
import { isSignallable } from '../../toolkit/files/process-identity.ts';
import type { ServerAddress } from '../temporal/server-address.ts';

/** A worker that was told to stop is gone by then. */
const PREDECESSOR_ENDS_MS = 30_000;
const POLL_MS = 250;
const ACTIVITY_QUEUE = 2;
/** A poller seen longer ago has gone: a live one comes back every minute. */
const POLLER_SEEN_MS = 70_000;

/** How workers show in the Temporal UI; on a server of several machines with the host, which tells them apart here. */
export function workerIdentity(queue: string, { external }: ServerAddress): string {
  return external ? `${queue} ${process.pid}@${hostname()}` : `${queue} ${process.pid}`;
}

/**
 * Makes this process the one that downloads: limits on connections and requests are kept within a process. Of a home it
 * is the holder of a lock; on a server that several machines share, nobody else may poll the queue.
 *
 * @throws ReigniteError DOWNLOADER_EXISTS that names the other one.
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
    'DOWNLOADER_EXISTS',
    `The worker "${other}" serves ${taskQueue} on ${server.address} already.`,
  );
}

/**
 * Looks for another downloader on a shared server: two that began at the same moment did not see each other then.
 *
 * @returns The identity of the one that has to stay, when it is not this one.
 */
export async function rivalDownloader(
  connection: NativeConnection,
  server: ServerAddress,
  taskQueue: string,
): Promise<string | undefined> {
  const other = server.external ? await otherDownloader(connection, server, taskQueue) : undefined;
  return other !== undefined && other < workerIdentity('download', server) ? other : undefined;
}

async function lockWhenFree(path: string): Promise<FileLock> {
  const deadline = Date.now() + PREDECESSOR_ENDS_MS;
  for (;;) {
    try {
      return await lockFile(path, 'The record of this home');
    } catch (error) {
      const isHeld = error instanceof ReigniteError && error.code === 'FILE_LOCKED';
      if (!isHeld) throw error;
      if (Date.now() > deadline) throw new ReigniteError('DOWNLOADER_EXISTS', error.message, { cause: error });
    }
    await sleep(POLL_MS);
  }
}

async function otherDownloader(
  connection: NativeConnection,
  server: ServerAddress,
  taskQueue: string,
): Promise<string | undefined> {
  const { pollers } = await connection.workflowService.describeTaskQueue({
    namespace: server.namespace,
    taskQueue: { name: taskQueue },
    taskQueueType: ACTIVITY_QUEUE,
  });
  const own = workerIdentity('download', server);
  const others = (pollers ?? []).flatMap(({ identity, lastAccessTime }) => {
    const isRecent = Date.now() - Number(lastAccessTime?.seconds ?? 0) * 1_000 < POLLER_SEEN_MS;
    return identity && identity !== own && isRecent && !hasEndedHere(identity) ? [identity] : [];
  });
  return others.sort()[0];
}

/** The server remembers pollers for a while; of this machine's it can be told at once whether they live. */
function hasEndedHere(identity: string): boolean {
  const [, pid, host] = /^\S+ (\d+)@(.+)$/.exec(identity) ?? [];
  return host === hostname() && pid !== undefined && !isSignallable(Number(pid));
}
