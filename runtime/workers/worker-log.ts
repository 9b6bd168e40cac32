import { randomBytes } from 'node:crypto';
import { openSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { PRIVATE_FILE } from '../../toolkit/files/private-home.ts';

/** So many logs of a kind of worker are kept, the newest ones. */
const KEPT = 20;
/** A process may write little and still run: what was written to lately is kept too. */
const RECENT_MS = 7 * 24 * 3_600_000;

/** `worker-inference-20261129T003000-ab12cd.log`: in the order of their starts. */
const NAME = /^worker-(.+)-\d{8}T\d{6}-[0-9a-f]{6}\.log$/;

/**
 * Opens the log of one worker process, which no other process writes to, and removes old ones of the same kind.
 *
 * @param logs - Folder of the logs; has to be there.
 * @param queue - The first queue that the process serves.
 * @returns Its path, and a file descriptor to be closed.
 */
export function openWorkerLog(logs: string, queue: string): { readonly path: string; readonly descriptor: number } {
  sweepWorkerLogs(logs, queue);
  const started = new Date().toISOString().replaceAll(/[-:]|\.\d+Z$/g, '');
  const path = join(logs, `worker-${queue}-${started}-${randomBytes(3).toString('hex')}.log`);
  return { path, descriptor: openSync(path, 'wx', PRIVATE_FILE) };
}

function sweepWorkerLogs(logs: string, queue: string): void {
  const names = readdirSync(logs).filter((name) => NAME.exec(name)?.[1] === queue);
  const surplus = names.sort().slice(0, Math.max(0, names.length - (KEPT - 1)));
  for (const name of surplus) {
    const path = join(logs, name);
    const written = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    if (Date.now() - written > RECENT_MS) rmSync(path, { force: true });
  }
}
