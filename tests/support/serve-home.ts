import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { QUEUES } from '../../config/tasks.ts';
import { type Command, type Place, startCommand, until } from './command.ts';

/**
 * Starts workers for a state directory, and a server unless the environment names one: commands that attach to them
 * take a fraction of the processor time of commands that start their own.
 *
 * @param words - Options of `reignite worker`.
 * @returns Stops them; call it after the last test.
 */
export async function serveHome(place: Place, words: readonly string[] = []): Promise<() => Promise<void>> {
  const started: Command[] = [];
  const start = async (command: readonly string[]) => {
    const process = startCommand(command, place);
    started.push(process);
    await process.shows('Press Ctrl-C to stop.');
  };
  if (place.environment?.['TEMPORAL_ADDRESS'] === undefined) await start(['server']);
  await start(['worker', ...words]);
  // A command that attaches earlier might start workers of its own.
  await until(async () => (await queuesServed(place.home)) === QUEUES.length);
  return async () => {
    for (const { process, ended } of started.reverse()) {
      process.kill('SIGINT');
      await ended;
    }
  };
}

async function queuesServed(home: string): Promise<number> {
  const logs = join(home, 'logs');
  const names = (await readdir(logs)).filter((name) => name.startsWith('worker-'));
  const texts = await Promise.all(names.map((name) => readFile(join(logs, name), 'utf8')));
  return texts.join('').split('"state":"RUNNING"').length - 1;
}
