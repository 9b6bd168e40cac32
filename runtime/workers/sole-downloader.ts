import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { NativeConnection } from '@temporalio/worker';
import { ReigniteError } from '../../toolkit/errors.ts';
import type { HomeFolders } from '../../toolkit/files/folders.ts';
import { type FileLock, lockFile } from '../../toolkit/files/lease.ts';
import type { ServerAddress } from '../server/connection.ts';
import { ACTIVITY_QUEUE, livePollers, workerIdentity } from './pollers.ts';

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
