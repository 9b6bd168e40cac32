import { type ChildProcess, spawn } from 'node:child_process';
import { open, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ReigniteError } from '../../toolkit/errors.ts';
import { closeOnError } from '../../toolkit/files/file-access.ts';
import { makeFolder, PRIVATE_FILE } from '../../toolkit/files/folders.ts';
import { startTimeOf } from '../../toolkit/files/process-identity.ts';
import { endWithCommand, forgetProcess } from '../child-processes.ts';
import { connectTo, type ServerAddress } from './connection.ts';
import { serverProcessName } from './home-server.ts';

/** Above this size the log is rotated, so that at most two such logs are kept. */
const LOG_LIMIT_BYTES = 16 << 20;

/** Printed once the server listens. Before that, the server of another state directory may answer on the same port. */
const BANNER = /Server:\s+\S+:\d+/;

export interface LaunchOptions {
  readonly binary: string;
  /** Real path of the database's folder; also the server's current folder. */
  readonly folder: string;
  /** Name of the database in `folder`. */
  readonly database: string;
  readonly logs: string;
  readonly grpcPort: number;
  readonly uiPort: number;
  readonly readyWithinMs: number;
  readonly signal: AbortSignal | undefined;
}

export interface LaunchedServer {
  readonly pid: number;
  readonly startTime: string;
  /** Resolves when the process has exited, for any reason. */
  readonly exited: Promise<void>;
}

export type Launch =
  | { readonly ready: true; readonly server: LaunchedServer }
  | {
      readonly ready: false;
      /** How the process exited by itself; undefined if it was stopped because it did not become ready. */
      readonly exit: { readonly code: number | null; readonly signal: NodeJS.Signals | null } | undefined;
      /** What this server wrote to the log. */
      readonly output: string;
    };

/**
 * Starts the development server and waits until it, and no other server, answers.
 *
 * The server has its own process group, so that Ctrl-C reaches only us and we can shut it down properly. It runs in the
 * database's folder and gets a bare file name, because it parses the path as a URI: a `?` in a folder's name would end
 * it (CLI 1.9.1).
 *
 * @throws ReigniteError TEMPORAL_START_FAILED when the binary cannot be executed; the signal's reason.
 */
export async function launchServer(options: LaunchOptions): Promise<Launch> {
  const log = await openLog(options.logs);
  try {
    return await launchWithLog(options, log);
  } finally {
    await log.handle.close();
  }
}

type OpenLog = Awaited<ReturnType<typeof openLog>>;

async function launchWithLog(options: LaunchOptions, log: OpenLog): Promise<Launch> {
  const child = spawnPrivately(options.binary, serverArguments(options), {
    argv0: serverProcessName(options.folder),
    cwd: options.folder,
    detached: true,
    env: withoutTemporalVariables(process.env),
    stdio: ['ignore', log.handle.fd, log.handle.fd],
  });
  endWithCommand(child.pid);
  const exited = exitOf(child);
  void exited.then(() => forgetProcess(child.pid));
  try {
    await spawned(child, options.binary);
    return await waitUntilReady(child, exited, options, () => outputSince(log.path, log.start));
  } catch (error) {
    child.kill('SIGKILL');
    if (child.pid !== undefined) await exited;
    throw error;
  }
}

/** Starts a process whose files, including those of SQLite, only their owner can read. */
function spawnPrivately(...[binary, words, options]: Parameters<typeof spawn>): ChildProcess {
  const umask = process.umask(0o077);
  try {
    return spawn(binary, words, options);
  } finally {
    process.umask(umask);
  }
}

export function logPath(logs: string): string {
  return join(logs, 'temporal.log');
}

async function waitUntilReady(
  child: ChildProcess,
  exited: Promise<void>,
  options: LaunchOptions,
  output: () => Promise<string>,
): Promise<Launch> {
  const deadline = Date.now() + options.readyWithinMs;
  const address: ServerAddress = {
    address: `127.0.0.1:${options.grpcPort}`,
    namespace: 'default',
    external: false,
  };
  while (Date.now() < deadline) {
    options.signal?.throwIfAborted();
    if (hasEnded(child)) break;
    const server = await readyServer(child, exited, address, output, deadline);
    if (server !== undefined) return { ready: true, server };
    await sleep(50);
  }
  const exit = hasEnded(child) ? { code: child.exitCode, signal: child.signalCode } : undefined;
  if (exit === undefined) {
    child.kill('SIGKILL');
    await exited;
  }
  return { ready: false, exit, output: await output() };
}

async function readyServer(
  child: ChildProcess,
  exited: Promise<void>,
  address: ServerAddress,
  output: () => Promise<string>,
  deadline: number,
): Promise<LaunchedServer | undefined> {
  if (child.pid === undefined || !BANNER.test(await output())) return undefined;
  const timeoutMs = Math.max(500, Math.min(5_000, deadline - Date.now()));
  const client = await connectTo(address, { timeoutMs }).catch(() => undefined);
  if (client === undefined) return undefined;
  await client.connection.close();
  const startTime = await startTimeOf(child.pid);
  return startTime === undefined || hasEnded(child) ? undefined : { pid: child.pid, startTime, exited };
}

function serverArguments({ database, grpcPort, uiPort }: LaunchOptions): readonly string[] {
  return [
    ...['server', 'start-dev', '--db-filename', database, '--namespace', 'default'],
    ...['--ip', '127.0.0.1', '--port', String(grpcPort), '--ui-ip', '127.0.0.1', '--ui-port', String(uiPort)],
    // The server must not request news about itself from the network.
    ...['--ui-disable-news-fetch', '--dynamic-config-value', 'frontend.enableServerVersionCheck=false'],
    ...['--log-format', 'json', '--log-level', 'warn'],
  ];
}

function withoutTemporalVariables(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith('TEMPORAL_')));
}

async function openLog(logs: string) {
  const path = logPath(logs);
  await makeFolder(logs);
  const size = await stat(path).then(
    (status) => status.size,
    () => 0,
  );
  if (size > LOG_LIMIT_BYTES) await rename(path, `${path}.1`);
  const opened = await open(path, 'a', PRIVATE_FILE);
  return closeOnError(opened, async (handle) => ({ path, handle, start: (await handle.stat()).size }));
}

async function outputSince(path: string, start: number): Promise<string> {
  const handle = await open(path, 'r');
  try {
    const { size } = await handle.stat();
    const bytes = Buffer.alloc(Math.max(0, Math.min(size - start, 1 << 20)));
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, start);
    return bytes.toString('utf8', 0, bytesRead);
  } finally {
    await handle.close();
  }
}

async function spawned(child: ChildProcess, binary: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (error) => {
      reject(
        new ReigniteError('TEMPORAL_START_FAILED', `The Temporal CLI ${binary} cannot be executed: ${error.message}.`, {
          cause: error,
          remedy: 'Check the permissions of this file, or set TEMPORAL_CLI_PATH to another one.',
        }),
      );
    });
  });
}

function exitOf(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
  });
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}
