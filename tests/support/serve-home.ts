import { fork } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { openWorkerLog } from '../../runtime/workers/worker-processes.ts';
import { homeFolders, makeFolderSync, makePrivateHome } from '../../toolkit/files/folders.ts';
import type { Place } from './command.ts';

const PROGRAM = fileURLToPath(new URL('serve-home-process.mjs', import.meta.url));

/** Stops what was started, and waits for its end. */
export type Stop = () => Promise<void>;

/**
 * Starts a server with workers for a state directory: commands that attach to them take a fraction of the processor
 * time of commands that start their own. No server if the environment names one.
 *
 * @param words - `--profile` and `--set`, as of `reignite worker`.
 */
export async function serveHome(place: Place, words: readonly string[] = []): Promise<Stop> {
  const isThere = place.environment?.['TEMPORAL_ADDRESS'] !== undefined;
  return startServing([...(isThere ? [] : ['--server']), '--workers', ...words], place);
}

/** Starts the server of a state directory, without workers. */
export async function startServer(place: Place): Promise<Stop> {
  return startServing(['--server'], place);
}

/** Starts workers of all queues on the running server of a state directory. */
export async function startWorkers(place: Place, words: readonly string[] = []): Promise<Stop> {
  return startServing(['--workers', ...words], place);
}

async function startServing(words: readonly string[], { home, cwd, environment = {} }: Place): Promise<Stop> {
  const { logs } = homeFolders(home);
  await makePrivateHome(home, () => undefined);
  makeFolderSync(logs);
  const log = openWorkerLog(logs, 'orchestration');
  const child = fork(PROGRAM, words, {
    cwd,
    env: { ...process.env, REIGNITE_HOME: home, ...environment },
    // As for the workers of a command.
    execArgv: ['--max-semi-space-size=64'],
    stdio: ['ignore', log.descriptor, log.descriptor, 'ipc'],
  });
  closeSync(log.descriptor);
  const ended = once(child, 'exit');
  const early = ended.then(() => {
    throw new Error(`Nothing serves ${home}:\n${readFileSync(log.path, 'utf8')}`);
  });
  early.catch(() => undefined);
  await Promise.race([once(child, 'message'), early]);
  return async () => {
    if (child.connected) child.disconnect();
    await ended;
  };
}
