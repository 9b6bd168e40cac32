import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { QUEUES } from '../../config/tasks.ts';
import { type Place, startCommand, until } from './command.ts';

/** Stops what was started, and waits for its end. */
export type Stop = () => Promise<void>;

/**
 * Starts a server with workers for a state directory: commands that attach to them take a fraction of the processor
 * time of commands that start their own. No server if the environment names one.
 *
 * @param words - Options of `reignite worker`.
 */
export async function serveHome(place: Place, words: readonly string[] = []): Promise<Stop> {
  const isThere = place.environment?.['TEMPORAL_ADDRESS'] !== undefined;
  const stopServer = isThere ? undefined : await startServer(place);
  const stopWorkers = await startWorkers(place, words);
  return async () => {
    await stopWorkers();
    await stopServer?.();
  };
}

/** Starts the server of a state directory, without workers. */
export async function startServer(place: Place): Promise<Stop> {
  return startServing(['server'], place);
}

/** Starts workers of all queues on the running server of a state directory. */
export async function startWorkers(place: Place, words: readonly string[] = []): Promise<Stop> {
  const before = await queuesServed(place.home);
  const stop = await startServing(['worker', ...words], place);
  // A command that attaches earlier might start workers of its own.
  await until(async () => (await queuesServed(place.home)) >= before + QUEUES.length);
  return stop;
}

async function startServing(words: readonly string[], place: Place): Promise<Stop> {
  const command = startCommand(words, place);
  await command.shows('Press Ctrl-C to stop.');
  return async () => {
    command.process.kill('SIGINT');
    await command.ended;
  };
}

/** Counts the queues whose workers were ever ready, according to the logs. */
async function queuesServed(home: string): Promise<number> {
  const logs = join(home, 'logs');
  const names = (await readdir(logs).catch(() => [])).filter((name) => name.startsWith('worker-'));
  const texts = await Promise.all(names.map((name) => readFile(join(logs, name), 'utf8')));
  return texts.join('').split('"state":"RUNNING"').length - 1;
}
