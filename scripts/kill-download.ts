// Kills `reignite download` and its worker with SIGKILL at 10, 50 and 99 % of a file, runs the same command again, and
// prints the byte at which it resumed. Usage: npx tsx scripts/kill-download.ts [--bytes 20000000]
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type Ended, isAlive, type Place, runCommand, startCommand, workersOf } from '../tests/support/command.ts';
import { FaultyServer } from '../tests/support/faults/faulty-server.ts';
import { noise } from '../tests/support/random-numbers.ts';

interface Resumed {
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
async function downloadWords(cwd: string, api: string, zenodo: Record<string, number> = {}): Promise<string[]> {
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
async function killAndResume(folder: string, share: number, size = 3_000_000): Promise<Resumed> {
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

const { values } = parseArgs({ options: { bytes: { type: 'string', default: '20000000' } } });
const folder = await mkdtemp(join(tmpdir(), 'reignite-kill-'));
let isGood = true;
try {
  for (const share of [0.1, 0.5, 0.99]) {
    const found = await killAndResume(join(folder, String(share)), share, Number(values.bytes));
    const { onDisk, size, ranges, sent, isSame, second } = found;
    const isOne = isSame && second.status === 0 && ranges.at(-1) === `bytes=${onDisk}-` && ranges.length === 2;
    isGood &&= isOne;
    console.log(
      `killed at ${(share * 100).toFixed(0)} %: ${onDisk} of ${size} bytes on disk; requests: ${ranges.map((range) => range ?? 'all').join(', ')}; ` +
        `${(sent / size).toFixed(4)} times its size was sent; ${isOne ? 'the same file' : `NOT AS IT SHOULD BE (status ${second.status}) ${second.stderr}`}`,
    );
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
process.exit(isGood ? 0 : 1);
