import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Ended, isAlive, runCommand, serverPidOf, startCommand, until, workersOf } from '../support/command.ts';
import { runHere } from '../support/command-here.ts';
import { digestsBelow } from '../support/files-below.ts';
import { suiteFolder } from '../support/in-temporary-folder.ts';
import { serveHome } from '../support/serve-home.ts';
import { startTestServer, type TestServer } from '../support/temporal.ts';
import { writeTinyRecord } from '../support/tiny-record.ts';

const GOOD = { name: 'patient2_he_roi1', width: 64, height: 49 };
const DAMAGED = { name: 'patient3_he_roi1', width: 64, height: 49 };

const folder = suiteFolder();
let server: TestServer;
let stop: () => Promise<void>;
let first: Ended;

const place = () => ({
  home: join(folder(), 'home'),
  cwd: folder(),
  environment: { TEMPORAL_ADDRESS: server.address },
});
const RUN = ['run', '--profile', 'one.yaml'];
const run = (...words: string[]) => runHere([...RUN, ...words], place());
const outputs = () => digestsBelow(join(folder(), 'results', 'one'), ['inference', 'confidence', 'metrics', 'figures']);

/** One run of two ROIs, one of them no image, that the commands below look at. */
beforeAll(async () => {
  server = await startTestServer();
  await writeTinyRecord(folder(), [GOOD, DAMAGED], (unpacked) =>
    writeFile(join(unpacked, 'images', 'he', `${DAMAGED.name}_with_context.png`), 'no picture'),
  );
  const profile = [
    'name: one',
    'record: "42"',
    'tasks: [he]',
    `zenodo: { serveFrom: ${join(folder(), 'served')} }`,
    'inference: { provider: cpu, threads: 1 }',
    'temporal: { heartbeatSeconds: 4, heartbeatThrottleSeconds: 0.5, retrySeconds: 0.2 }',
  ];
  await writeFile(join(folder(), 'one.yaml'), profile.join('\n'));
  stop = await serveHome(place(), ['--profile', 'one.yaml']);
  first = await run('--data', 'data', '--json');
});
afterAll(async () => {
  await stop();
  await server.stop();
});

describe('reignite plan', () => {
  const plan = async (...words: string[]) => {
    const { status, stdout, stderr } = await runHere(['plan', '--profile', 'one.yaml', ...words], place());
    expect(status, stderr).toBe(0);
    return stdout;
  };

  it('shows what is cached, what is not and why, and how long it takes', async () => {
    const { files, bytes, disk, tasks } = JSON.parse(await plan('--data', 'data', '--json'));
    expect(files.map(({ key, state }: { key: string; state: string }) => [key, state])).toContainEqual([
      'images.zip',
      'there',
    ]);
    expect(bytes.toFetch).toBe(0);
    expect(bytes.there).toBeGreaterThan(0);
    expect(disk).toMatchObject({ needed: 0, free: expect.any(Number) });
    expect(tasks).toMatchObject([{ task: 'he', cached: 1, outstanding: 1, basis: 'measured', isConverted: true }]);
    expect(tasks[0].rois).toEqual([
      // 64 x 49 px in tiles of 32 px at most 16 px apart: 3 x 3 of them, for each of five folds.
      { roi: `${GOOD.name}_with_context`, state: 'cached', tiles: 3 * 3 * 5 },
      { roi: `${DAMAGED.name}_with_context`, state: 'outstanding', reason: 'not computed before' },
    ]);
  });

  it('shows what a change makes outstanding, and what to download', async () => {
    expect(await plan('--data', 'data', '--set', 'he.scope=annotated')).toContain('computed before with another scope');
    const asItLies = JSON.parse(await plan('--data', 'unpacked', '--json'));
    expect(asItLies.bytes.toFetch).toBe(0);
    expect(asItLies.files).toContainEqual(expect.objectContaining({ key: 'images.zip', state: 'unverified' }));
    const empty = JSON.parse(await plan('--data', 'nothing', '--json'));
    expect(empty.bytes.there).toBe(0);
    expect(empty.disk.needed).toBeGreaterThan(empty.bytes.toFetch);
    expect(empty.tasks[0]).not.toHaveProperty('rois');
  });
});

describe('reignite why', () => {
  const why = async (...words: string[]) => {
    const { status, stdout, stderr } = await runHere(['why', ...words, '--json'], place());
    expect(status, stderr).toBe(0);
    return JSON.parse(stdout);
  };

  it('explains what failed in a run, with remedy and position in the history', async () => {
    const { status, tasks, steps } = await why();
    expect(status).toBe('partial');
    expect(tasks.he.failures).toMatchObject([{ code: 'IMAGE_UNREADABLE' }]);
    expect(steps).toMatchObject([
      {
        step: 'inferRoi',
        outcome: 'failed',
        attempts: 1,
        event: expect.any(Number),
        failure: { code: 'IMAGE_UNREADABLE', remedy: expect.stringMatching(/\w/) },
      },
    ]);
  });

  it('explains why an ROI was computed or failed, and how an activity went', async () => {
    expect((await why(`${GOOD.name}_with_context.png`)).rois).toMatchObject([
      { task: 'he', state: 'computed', because: 'Its image had not been predicted before.' },
    ]);
    expect((await why('one', DAMAGED.name)).rois).toMatchObject([
      { state: 'failed', failure: { code: 'IMAGE_UNREADABLE' }, steps: [{ attempts: 1 }] },
    ]);
    expect((await why('prepareModel')).steps).toMatchObject([{ outcome: 'completed', worker: expect.any(String) }]);
    const wrong = await runHere(['why', 'one', 'unserved', '--json'], place());
    expect([wrong.status, JSON.parse(wrong.stdout).error.code]).toEqual([2, 'USAGE']);
    const { status, stdout } = await runHere(['why', 'unserved', '--json'], place());
    const { code, cause } = JSON.parse(stdout).error;
    expect([status, code]).toEqual([1, 'RUN_NOT_FOUND']);
    expect(cause).toMatch(/ in its ID\. The newest run, \S+, has no ROI, image or activity unserved\.$/);
  });
});

describe('reignite run --fresh', () => {
  it('uses nothing from the cache of earlier runs, and computes the same bits', async () => {
    expect(first.status, first.stderr).toBe(3);
    const before = await outputs();
    const fresh = await run('--data', 'data', '--fresh', '--json');
    expect(JSON.parse(fresh.stdout).tasks.he.rois, fresh.stderr).toMatchObject({ computed: 1, cached: 0, failed: 1 });
    expect(await outputs()).toEqual(before);
    // A run that resumes it finds its results.
    const plan = await runHere(['plan', '--profile', 'one.yaml', '--data', 'data', '--json'], place());
    expect(JSON.parse(plan.stdout).tasks, plan.stderr).toMatchObject([{ cached: 1, outstanding: 1 }]);
  });
});

describe('reignite clean', () => {
  const clean = async (...words: string[]) => {
    const { status, stdout, stderr } = await runHere(['clean', ...words, '--json'], place());
    expect(status, stderr).toBe(0);
    return JSON.parse(stdout);
  };
  const exists = (...path: string[]) => stat(join(folder(), ...path)).then(Boolean, () => false);

  it('shows what can be deleted, and deletes it only on request', async () => {
    const { removed, bytes, found } = await clean('--dry-run');
    expect(removed).toBe(false);
    expect(bytes).toBeGreaterThan(0);
    const kinds = found.map(({ what }: { what: string }) => what);
    expect(kinds).toEqual(expect.arrayContaining(['cache', 'models', 'runs', 'logs']));
    expect((await clean('models', '--dry-run')).removed).toBe(false);
    expect(await exists('home', 'models')).toBe(true);
    expect(await clean('models', 'runs')).toMatchObject({ removed: true });
    expect([await exists('home', 'models'), await exists('home', 'runs'), await exists('home', 'cache')]).toEqual([
      false,
      false,
      true,
    ]);
    expect(await exists('data', 'images')).toBe(true);
    expect(await exists('results', 'one', 'summary.json')).toBe(true);
    const { status, stdout } = await runHere(['clean', 'results', '--json'], place());
    expect([status, JSON.parse(stdout).error.code]).toEqual([2, 'USAGE']);
  });
});

describe('an open run', () => {
  it('cannot be started afresh, and nothing it uses is cleaned', async () => {
    const words = ['--data', 'data', '--results', 'elsewhere', '--set', 'temporal.taskQueuePrefix=unserved'];
    const open = startCommand(['run', '--profile', 'one.yaml', ...words, '--no-workers'], place());
    await open.shows('Started');
    const { status, stdout } = await run(...words, '--no-workers', '--fresh', '--json');
    expect(status).toBe(1);
    expect(JSON.parse(stdout).error).toMatchObject({ code: 'RUN_OPEN', remedy: expect.stringContaining('cancel') });
    const cleaned = await runHere(['clean', '--json'], place());
    expect(cleaned.status).toBe(1);
    expect(JSON.parse(cleaned.stdout).error.code).toBe('RUN_OPEN');
    open.process.kill('SIGINT');
    await open.ended;
  });
});

describe('reignite run --detach', () => {
  it('continues in the background with its own server, and leaves no process at the end', async () => {
    const alone = { home: join(folder(), 'home-alone'), cwd: folder() };
    const words = ['run', '--profile', 'one.yaml', '--data', 'data-alone', '--results', 'results-alone', '--detach'];
    const { status, stdout, stderr } = await runCommand([...words, '--json'], alone);
    expect(status, stderr).toBe(0);
    const { run, pid, log } = JSON.parse(stdout);
    expect(isAlive(pid)).toBe(true);
    await until(() => workersOf(alone.home)['inference'] !== undefined);
    const watched = await runHere(['watch', run, '--json'], alone);
    expect(watched.status, watched.stderr).toBe(3);
    await until(() => !isAlive(pid));
    expect(workersOf(alone.home)).toEqual({});
    await expect(serverPidOf(alone.home)).rejects.toThrow();
    expect(await readFile(log, 'utf8')).toContain(`Started ${run}`);
  });

  it('reports what prevents a run from starting', async () => {
    const { status, stdout } = await runCommand([...RUN, '--set', 'he.scope=half', '--detach', '--json'], place());
    expect([status, JSON.parse(stdout).error.code]).toEqual([2, 'CONFIG_INVALID']);
  });
});
