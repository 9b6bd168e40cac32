import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { chmod, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDownloadActivities } from '../../activities/acquire/download.ts';
import { RecordServers } from '../../activities/acquire/record-servers.ts';
import { createInferenceActivities } from '../../activities/inference.ts';
import { createOrchestrationActivities } from '../../activities/orchestration.ts';
import { PredictionFiles } from '../../activities/predict-images.ts';
import { createRenderActivities } from '../../activities/render.ts';
import { loadConfig } from '../../runtime/load-config.ts';
import { runningServer } from '../../runtime/server/home-server.ts';
import { homeFolders } from '../../toolkit/files/folders.ts';
import { type Command, type Place, startCommand } from '../support/command.ts';
import { runHere } from '../support/command-here.ts';
import { filesBelow } from '../support/files-below.ts';
import { suiteFolder } from '../support/in-temporary-folder.ts';
import { type Stop, startServer } from '../support/serve-home.ts';
import { type Attempt, tryAsStranger } from '../support/stranger-process.ts';
import { tinyProfile, writeTinyRecord } from '../support/tiny-record.ts';

const REFUSED = /^(PATH_NOT_ALLOWED|ADDRESS_NOT_ALLOWED|PATH_TRAVERSAL)/;
const isRoot = process.getuid?.() === 0;

const folder = suiteFolder();
const at = (...steps: string[]) => join(folder(), ...steps);
let stop: Stop | undefined;
const workers: Command[] = [];
const SHARED = ['--set', 'temporal.taskQueuePrefix=shared'];
const place = () => ({ home: at('home'), cwd: folder() });

beforeAll(async () => {
  // What only the owner of the state directory may read and write.
  await chmod(folder(), 0o755);
  await mkdir(at('private'), { mode: 0o700 });
  await writeFile(at('private', 'diary.txt'), 'mine');
  await writeTinyRecord(folder(), [{ name: 'patient1_he_roi1', width: 64, height: 49 }]);
  await writeFile(at('tiny.yaml'), tinyProfile(at('served')));
  stop = await startServer(place());
  await startWorker(['worker'], place());
  const { status, stderr } = await runHere(runInto('results'), place());
  expect(status, stderr).toBe(0);
  // A worker of another state directory, as on a shared server: nothing but its options says what it may use.
  await startWorker(
    ['worker', '--data', 'data', '--results', 'results-shared', ...SHARED, '--set', `zenodo.serveFrom=${at('served')}`],
    await sharedPlace('home-of-worker'),
  );
});

async function startWorker(words: readonly string[], where: Place): Promise<void> {
  const worker = startCommand([...words], where);
  workers.push(worker);
  await worker.shows('Press Ctrl-C to stop.');
}

function runInto(results: string): string[] {
  return ['run', '--profile', 'tiny.yaml', '--tasks', 'he', '--data', 'data', '--results', results];
}

async function serverAddress(): Promise<string> {
  return (await runningServer(at('home')))?.address ?? '';
}

async function sharedPlace(home: string): Promise<Place> {
  return { home: at(home), cwd: folder(), environment: { TEMPORAL_ADDRESS: await serverAddress() } };
}

afterAll(async () => {
  for (const { process, ended } of workers.reverse()) {
    process.kill('SIGINT');
    await ended;
  }
  await stop?.();
});

/** Every way to start something at the server of the owner, each naming what its command did not. */
async function allAttempts(prefix: string): Promise<Attempt[]> {
  const set = [`temporal.taskQueuePrefix=${prefix}`];
  const config = await loadConfig({ profile: at('tiny.yaml'), set, tasks: ['he'] });
  const home = homeFolders(at('home'));
  const outside = at('private', 'of-the-stranger');
  const digest = '0123456789abcdef';
  const [data, results] = [at('data'), at(prefix === 'shared' ? 'results-shared' : 'results')];
  await symlink(at('private'), join(results, 'link'));
  const run = (folders: object, changed = config): unknown => ({ config: changed, digest, folders });
  const evil = { ...config, zenodo: { ...config.zenodo, serveFrom: undefined, api: 'http://127.0.0.1:9/api' } };
  const serving = { ...config, zenodo: { ...config.zenodo, serveFrom: at('private') } };
  const orchestration = `${prefix}-orchestration`;
  const acquire = { config, data: outside, whole: true };
  const order = {
    task: 'he',
    model: at('private'),
    out: outside,
    session: { provider: 'cpu' },
    choices: { resample: false, simplify: 0, minArea: 1 },
  };
  // A list as the owner's own prediction leaves it.
  const homeOfWorkers = homeFolders(at(prefix === 'shared' ? 'home-of-worker' : 'home'));
  const list = new PredictionFiles(homeOfWorkers, { folder: 'predict/x' });
  await list.writeBatch(0, [{ path: at('private', 'diary.txt'), name: 'diary' }]);
  const predict = { order, list: { folder: 'predict/x', batches: 1, total: 1 }, temporal: config.temporal };
  const starts: Attempt[] = [
    { type: 'reproduce', input: run({ data, results: outside }) },
    { type: 'reproduce', input: run({ data: outside, results }) },
    { type: 'reproduce', input: run({ data, results: join(results, 'link', 'x') }) },
    { type: 'reproduce', input: run({ data, results: `${results}/../private/x` }) },
    { type: 'reproduce', input: run({ data, results, generation: '../../../private/x' }) },
    { type: 'reproduce', input: run({ data, results: at('home', 'temporal') }) },
    { type: 'reproduce', input: run({ data, results }, evil) },
    { type: 'reproduce', input: run({ data, results }, serving) },
    { type: 'acquire', input: acquire },
    { type: 'acquire', input: { config: evil, data, whole: true } },
    { type: 'predictImages', input: predict },
    { type: 'predictImages', input: { ...predict, list: { ...predict.list, folder: '../../private' } } },
  ].map((start) => ({ way: 'start', taskQueue: orchestration, ...start }));
  const others: Attempt[] = (['schedule', 'signal', 'update'] as const).map((way) => ({
    way,
    type: 'reproduce',
    taskQueue: orchestration,
    input: run({ data, results: outside }),
  }));
  const activities = {
    orchestration: createOrchestrationActivities(home),
    download: createDownloadActivities(home, new RecordServers(home)),
    inference: createInferenceActivities(home),
    render: createRenderActivities(home),
  };
  const everything = { folders: { data, results: outside }, data: outside, order, model: at('private') };
  const relative = { folders: { data, results }, stage: { folder: '../../private' }, list: { folder: '../private' } };
  const steps = Object.entries(activities).flatMap(([queue, named]) =>
    Object.keys(named).flatMap((type) =>
      [everything, relative].map(
        (input): Attempt => ({ way: 'activity', type, taskQueue: `${prefix}-${queue}`, input }),
      ),
    ),
  );
  return [...starts, ...others, ...steps];
}

// Another user is needed, and only root can become one.
describe.skipIf(!isRoot)('another user of this machine', () => {
  it.each(['reignite', 'shared'])(
    'can start nothing that reads, writes or downloads what the owner did not name, on workers of queues %s',
    async (prefix) => {
      if (prefix === 'shared') {
        const words = [...runInto('results-shared'), ...SHARED, '--no-workers'];
        const { status, stderr } = await runHere(words, await sharedPlace('home-of-another'));
        expect(status, stderr).toBe(0);
      }
      const before = await filesBelow(at('private'));
      const attempts = await allAttempts(prefix);
      const answers = await tryAsStranger({ address: await serverAddress(), attempts });
      expect(answers.filter(({ answer }) => !REFUSED.test(answer))).toEqual([]);
      expect(answers).toHaveLength(attempts.length);
      expect(await filesBelow(at('private'))).toEqual(before);
      expect(await readFile(at('private', 'diary.txt'), 'utf8')).toBe('mine');
    },
  );

  it('leaves the owner a working state directory', async () => {
    const { status, stderr } = await runHere(runInto('results-2'), place());
    expect(status, stderr).toBe(0);
  });

  it('reaches nothing from another machine: every port is on the loopback address', async ({ skip }) => {
    const listing = spawnSync('ss', ['-ltnpH'], { encoding: 'utf8' });
    if (listing.error) return skip('ss is not on this machine');
    const pids = processesOf(at('home'));
    const ours = listing.stdout.split('\n').filter((line) => pids.some((pid) => line.includes(`pid=${pid},`)));
    const addresses = ours.map((line) => line.split(/\s+/)[3] ?? '');
    expect(addresses.length).toBeGreaterThanOrEqual(2);
    for (const address of addresses) expect(address).toMatch(/^(127\.|\[::1\]|\[::ffff:127\.)/);
  });
});

/** All processes that work for a home. Linux only. */
function processesOf(home: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(`REIGNITE_HOME=${home}`);
    } catch {
      return false;
    }
  });
}
