import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Ended, isAlive, type Place, runCommand, startCommand, workersOf } from '../command.ts';
import { noise } from '../noise.ts';
import { FaultyServer } from './faulty-server.ts';

export interface Resumed {
  /** Bytes on disk after all processes were dead. */
  readonly onDisk: number;
  readonly size: number;
  /** Range headers of the requests for the file, in order. */
  readonly ranges: readonly (string | undefined)[];
  readonly sent: number;
  readonly isSame: boolean;
  readonly second: Ended;
}

/** Returns the arguments of a `download` from our server, with short waits. */
export async function downloadWords(cwd: string, api: string, zenodo: Record<string, number> = {}): Promise<string[]> {
  const profile = {
    name: 'tiny',
    record: '42',
    zenodo: { api, requestsPerMinute: 60, ...zenodo },
    temporal: { heartbeatSeconds: 4, heartbeatThrottleSeconds: 0.5, retrySeconds: 0.2 },
  };
  await writeFile(join(cwd, 'tiny.yaml'), JSON.stringify(profile));
  return ['download', '--profile', 'tiny.yaml', '--data', 'data', '--json'];
}

/**
 * Runs `reignite download`, kills the command and its worker with SIGKILL once `share` of the file has been sent, and
 * runs the same command again.
 */
export async function killAndResume(folder: string, share: number, size = 3_000_000): Promise<Resumed> {
  await mkdir(folder, { recursive: true });
  const bytes = Buffer.from(noise(size, 15_674_785));
  const path = join(folder, 'data', 'a.bin');
  const place: Place = { home: join(folder, 'home'), cwd: folder };
  let killed: Promise<void> | undefined;
  const server = new FaultyServer(
    [{ key: 'a.bin', bytes, part: `${path}.part`, faults: [{ kind: 'kill', at: share }] }],
    () => {
      killed = killAll();
    },
  );
  const api = await server.start();
  const words = await downloadWords(folder, api);
  const first = startCommand(words, place);
  const killAll = async () => {
    const workers = Object.values(workersOf(place.home));
    if (workers.length === 0) throw new Error('Expected a worker to kill.');
    const pids = [first.process.pid ?? 0, ...workers];
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    while (pids.some(isAlive)) await sleep(5);
  };
  await first.ended;
  await killed;
  const onDisk = (await stat(`${path}.part`)).size;
  const second = await runCommand(words, place);
  const isSame = (await readFile(path).catch(() => Buffer.alloc(0))).equals(bytes);
  const requests = server.requests.filter(({ key }) => key === 'a.bin');
  await server.close();
  const sent = requests.reduce((sum, request) => sum + request.sent, 0);
  return { onDisk, size, ranges: requests.map(({ range }) => range), sent, isSame, second };
}
