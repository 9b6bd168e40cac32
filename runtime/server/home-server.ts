import { execFile } from 'node:child_process';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { z } from 'zod';
import { pause } from '../../toolkit/concurrency.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import { writeFileAtomic } from '../../toolkit/files/atomic-write.ts';
import { asDiskError } from '../../toolkit/files/file-access.ts';
import { PRIVATE_FILE } from '../../toolkit/files/folders.ts';
import {
  acquireLease,
  findLease,
  type HeldLease,
  type LeaseHolder,
  type LeaseOptions,
  type OwnLease,
} from '../../toolkit/files/lease.ts';
import { isRunning, type ProcessIdentity, startTimeOf } from '../../toolkit/files/process-identity.ts';
import type { ServerAddress } from './connection.ts';

const recordSchema = z.object({
  pid: z.int().positive(),
  startTime: z.string(),
  address: z.string(),
  namespace: z.string(),
  uiUrl: z.string(),
  clusterId: z.string().exactOptional(),
});

/** What a state directory records about its server, in `temporal/server.json`, for commands that only watch. */
export type ServerRecord = Readonly<z.infer<typeof recordSchema>>;

/** Returns the running embedded server of a state directory, whichever process started it; undefined if there is none. */
export async function runningServer(home: string): Promise<(ServerAddress & ServerRecord) | undefined> {
  const record = await readServerRecord(home);
  return record !== undefined && (await isRunning(record)) ? { ...record, external: false } : undefined;
}

/** @returns Undefined if the record is missing or invalid: the server is then found by its process name. */
async function readServerRecord(home: string): Promise<ServerRecord | undefined> {
  try {
    return recordSchema.parse(JSON.parse(await readFile(recordPath(home), 'utf8')));
  } catch {
    return undefined;
  }
}

export async function writeServerRecord(home: string, record: ServerRecord): Promise<void> {
  await writeFileAtomic(recordPath(home), JSON.stringify(record), { mode: PRIVATE_FILE });
}

export async function removeServerRecord(home: string): Promise<void> {
  await rm(recordPath(home), { force: true });
}

function recordPath(home: string): string {
  return join(home, 'temporal', 'server.json');
}

const execute = promisify(execFile);

/** Time limit for a server to shut down properly, which takes about 1 s. */
const TERM_MS = 10_000;
const KILL_MS = 5_000;

/**
 * Returns the process name (argv[0]) of a state directory's server. It identifies the server even if its owner was
 * killed before it could record the PID.
 *
 * @param folder - The real path of the folder that holds the database.
 */
export function serverProcessName(folder: string): string {
  return `reignite-temporal ${folder}`;
}

/**
 * Stops every server that still runs on the folder's database. Two servers on one file start without an error, but then
 * runs hang.
 *
 * @throws ReigniteError TEMPORAL_START_FAILED when one cannot be stopped.
 */
export async function endLeftoverServers(
  home: string,
  folder: string,
  onStep: (line: string) => void = () => {},
): Promise<void> {
  for (const server of await leftoverServers(home, folder)) {
    onStep(`Stopping a Temporal server that an earlier command left (process ${server.pid}) ...`);
    await endProcess(server);
  }
}

/**
 * Ends a process: with SIGTERM, and after 10 s with SIGKILL.
 *
 * @throws ReigniteError TEMPORAL_START_FAILED when it belongs to another user or survives.
 */
export async function endProcess(identity: ProcessIdentity): Promise<void> {
  if (await endsAfter('SIGTERM', identity, TERM_MS)) return;
  if (await endsAfter('SIGKILL', identity, KILL_MS)) return;
  throw new ReigniteError('TEMPORAL_START_FAILED', `The Temporal server (process ${identity.pid}) cannot be stopped.`, {
    remedy: `Stop process ${identity.pid} manually, or set REIGNITE_HOME to another folder.`,
  });
}

async function endsAfter(signal: NodeJS.Signals, identity: ProcessIdentity, limitMs: number): Promise<boolean> {
  const deadline = Date.now() + limitMs;
  if (!(await isRunning(identity))) return true;
  try {
    process.kill(identity.pid, signal);
  } catch {
    return !(await isRunning(identity));
  }
  while (Date.now() < deadline) {
    await sleep(50);
    if (!(await isRunning(identity))) return true;
  }
  return false;
}

/** Finds every server that runs on the folder's database, whichever process started it. */
export async function leftoverServers(home: string, folder: string): Promise<readonly ProcessIdentity[]> {
  const record = await readServerRecord(home);
  const recorded = record !== undefined && (await isRunning(record)) ? [record] : [];
  const found = await processesNamed(serverProcessName(folder));
  return [...recorded, ...found.filter(({ pid }) => pid !== record?.pid || recorded.length === 0)];
}

async function processesNamed(name: string): Promise<readonly ProcessIdentity[]> {
  const pids = process.platform === 'linux' ? await pidsInProc(name) : await pidsByPs(name);
  const identities = await Promise.all(
    pids.map(async (pid) => {
      const startTime = await startTimeOf(pid);
      return startTime === undefined ? [] : [{ pid, startTime }];
    }),
  );
  return identities.flat();
}

async function pidsInProc(name: string): Promise<readonly number[]> {
  const entries = (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry));
  const matches = await Promise.all(
    entries.map(async (pid) => {
      const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      return commandLine.startsWith(`${name}\0`) ? [Number(pid)] : [];
    }),
  );
  return matches.flat();
}

async function pidsByPs(name: string): Promise<readonly number[]> {
  const listing = await execute('ps', ['-axww', '-o', 'pid=,command='], { maxBuffer: 64 << 20 });
  return listing.stdout.split('\n').flatMap((line) => {
    const match = /^\s*(\d+)\s+(.*)$/.exec(line);
    return match?.[2]?.startsWith(`${name} server start-dev `) ? [Number(match[1])] : [];
  });
}

export interface OwnedHome extends Omit<OwnLease, 'acquired'> {
  readonly owner: true;
}

type HomeLock = OwnedHome | { readonly owner: false; readonly holder?: LeaseHolder };

/**
 * Makes this process the owner of a state directory, unless a living process owns it. Two servers on one database start
 * without an error, but then runs hang.
 *
 * @throws ReigniteError FILESYSTEM_UNSUITABLE, NOT_WRITABLE or NO_SPACE; the signal's reason.
 */
export async function acquireHomeLock(home: string, options: LeaseOptions = {}): Promise<HomeLock> {
  const path = leasePath(home);
  try {
    const { acquired, ...lease } = await acquireLease(path, options);
    return 'release' in lease ? { owner: true, ...lease } : { owner: false, ...lease };
  } catch (error) {
    throw asDiskError(error, path);
  }
}

/**
 * Waits until this process owns the state directory.
 *
 * @param pollMs - Interval at which to check whether the owner has ended.
 * @throws The signal's reason; what `acquireHomeLock` throws.
 */
export async function waitForHomeLock(
  home: string,
  { pollMs = 500, ...options }: LeaseOptions & { readonly pollMs?: number } = {},
): Promise<OwnedHome> {
  const { signal } = options;
  for (;;) {
    signal?.throwIfAborted();
    const lock = await acquireHomeLock(home, options);
    if (lock.owner) return lock;
    await pause(pollMs, signal);
  }
}

/** Returns the current owner of the state directory; undefined if no living process owns it. */
export async function homeHolder(home: string): Promise<HeldLease | undefined> {
  return findLease(leasePath(home));
}

function leasePath(home: string): string {
  return join(home, 'owner');
}
