import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { StepCache } from '../../toolkit/cache/step-cache.ts';
import { startCommand, until, workersOf } from '../support/command.ts';
import { runHere } from '../support/command-here.ts';
import { digestsBelow } from '../support/files-below.ts';
import { suiteFolder } from '../support/in-temporary-folder.ts';
import { noise } from '../support/random-numbers.ts';
import { startWorkers } from '../support/serve-home.ts';
import { startTestServer, type TestServer } from '../support/temporal.ts';

const MODEL = fileURLToPath(new URL('../fixtures/nnunet/plain', import.meta.url));
const IMAGES = ['large.png', 'small.png', 'broken.png'];
const FOLDERS = ['masks', 'coloured', 'confidence', 'overlays', 'polygons'];

const folder = suiteFolder();
let server: TestServer;

const place = (home: string) => ({
  home: join(folder(), home),
  cwd: folder(),
  environment: { TEMPORAL_ADDRESS: server.address },
});
const words = (out: string) => ['predict', '--task', 'he', '--model', MODEL, '--out', out, '--provider', 'cpu'];

beforeAll(async () => {
  server = await startTestServer();
  for (const [name, width, height] of [
    ['large.png', 900, 700],
    ['medium.png', 150, 120],
    ['small.png', 75, 48],
    ['copy.png', 75, 48],
  ] as const) {
    const raw = { width, height, channels: 3 } as const;
    await sharp(noise(width * height * 3, 5), { raw }).toFile(join(folder(), name));
  }
  await writeFile(join(folder(), 'broken.png'), 'no picture');
});
afterAll(() => server.stop());

it('predicts the same with a durable run as without, though everything is killed meanwhile', async () => {
  const direct = await runHere([...words('direct'), ...IMAGES, '--json'], place('home-direct'));
  const run = [...words('run'), ...IMAGES, '--run', '--json'];
  const killed = startCommand(run, place('home-run'));
  await killed.shows(/[12] of 3 images/);
  expect(workersOf(place('home-run').home)).not.toEqual({});
  killed.process.kill('SIGKILL');
  await until(() => Object.keys(workersOf(place('home-run').home)).length === 0);
  const { status, stdout, stderr } = await runHere(run, place('home-run'));
  expect(stderr).toContain('Attached to predict/he/');
  expect([status, direct.status], stderr).toEqual([3, 3]);
  expect(await digestsBelow(join(folder(), 'run'), FOLDERS)).toEqual(
    await digestsBelow(join(folder(), 'direct'), FOLDERS),
  );
  const timeless = (text: string) =>
    JSON.parse(text, (key, value) => (key === 'seconds' || key === 'cached' ? undefined : value));
  expect(timeless(stdout)).toEqual(timeless(direct.stdout));
  expect(timeless(stdout)).toMatchObject({
    images: [{ name: 'large' }, { name: 'small' }],
    failures: [{ code: 'IMAGE_UNREADABLE', image: join(folder(), 'broken.png') }],
  });
  const { runs } = JSON.parse((await runHere(['list', '--json'], place('home-run'))).stdout);
  expect(runs).toContainEqual(expect.objectContaining({ results: join(folder(), 'run'), status: 'partial' }));
});

it('can be listed, watched, paused, cancelled, retried and explained with the run commands', async () => {
  const run = [...words('steered'), 'medium.png', 'small.png', '--run'];
  const command = (...words: string[]) => runHere(words, place('home-steered'));
  const RELEASED_BY = join(folder(), 'released');
  const NODE_OPTIONS = `--import=${import.meta.resolve('../support/hold-inference.mjs')}`;
  const held = place('home-steered');
  const first = startCommand(run, { ...held, environment: { ...held.environment, NODE_OPTIONS, RELEASED_BY } });
  await first.shows(/0 of 2 images/);
  const status = await command('status', '--json');
  expect(JSON.parse(status.stdout)).toMatchObject({
    run: expect.stringMatching(/^predict\/he\//),
    status: 'running',
    results: join(folder(), 'steered'),
    stages: [{ stage: 'he', unit: 'images', of: 2 }],
  });
  const paused = await command('pause');
  expect([paused.status, paused.stdout], paused.stderr).toEqual([0, expect.stringContaining('is paused')]);
  await first.shows(/The run is paused/);
  expect(JSON.parse((await command('status', '--json')).stdout)).toMatchObject({ paused: true });
  expect((await command('resume')).status).toBe(0);
  await first.shows(/The run was resumed/);
  const cancelled = await command('cancel');
  expect([cancelled.status, cancelled.stdout], cancelled.stderr).toEqual([0, expect.stringContaining('is cancelled')]);
  await writeFile(RELEASED_BY, '');
  expect((await first.ended).status).toBe(1);
  onTestFinished(await startWorkers(place('home-steered')));
  const again = await command('retry');
  expect([again.status, again.stderr]).toEqual([0, expect.stringContaining('Started predict/he/')]);
  expect((await command('retry')).stdout).toContain('has no failures to retry');
  const watched = await command('watch');
  expect([watched.status, watched.stdout], watched.stderr).toEqual([
    0,
    expect.stringContaining('medium: 150 x 120 px'),
  ]);
  const why = await command('why');
  expect(why.stdout, why.stderr).toMatch(
    /^predict\/he\/.*: done\n2 images: 2 predicted \(. from the cache\), 0 failed/,
  );
  const image = await command('why', 'small');
  expect(image.stdout, image.stderr).toMatch(
    /^small: (computed\n {2}Its image had not been predicted before|cached\n {2}It came from the cache)/,
  );
  expect(image.stdout).toContain('predictImage (small): completed');
  const list = await command('list');
  expect(list.stdout).toMatch(/done +predict\/he\//);
});

it('adds to the tables of a folder with the same settings, and rejects other settings before it starts', async () => {
  const folderOf = words('shared');
  const direct = await runHere([...folderOf, 'small.png'], place('home-shared'));
  expect(direct.status, direct.stderr).toBe(0);
  const other = await runHere([...folderOf, '--simplify', '2', 'copy.png', '--run', '--json'], place('home-shared'));
  expect([other.status, JSON.parse(other.stdout).error.code]).toEqual([1, 'PREDICTION_CONFLICT']);
  expect(other.stderr).not.toContain('Started');
  const added = await runHere([...folderOf, 'copy.png', '--run', '--json'], place('home-shared'));
  expect(added.status, added.stderr).toBe(0);
  expect(JSON.parse(added.stdout).images).toMatchObject([{ name: 'small' }, { name: 'copy' }]);
  const table = await readFile(join(folder(), 'shared', 'areas.csv'), 'utf8');
  expect(new Set(table.split('\n').map((row) => row.split(',')[0]))).toEqual(new Set(['image', 'small', 'copy', '']));
});

it('gives the same bits as one worker when several share a slide and everything is killed meanwhile', async () => {
  const [width, height] = [150, 1_100];
  const tall = join(folder(), 'tall.tif');
  await sharp(noise(width * height * 3, 7), { raw: { width, height, channels: 3 } })
    .tiff({ compression: 'deflate', tile: true, tileWidth: 64, tileHeight: 64 })
    .toFile(tall);
  const whole = ['--level', '0', '--everywhere', 'tall.tif', '--json'];
  const direct = await runHere([...words('slide-direct'), ...whole], place('home-slide-direct'));
  expect(direct.status, direct.stderr).toBe(0);
  const run = [...words('slide-run'), ...whole, '--run'];
  const strips = async () => {
    const rows: unknown[] = [];
    for await (const { parts } of new StepCache(join(folder(), 'home-slide', 'cache')).entries())
      rows.push(parts['rows']);
    return rows.filter((each) => each !== undefined).sort();
  };
  const killed = startCommand(run, place('home-slide'));
  await until(async () => (await strips()).length > 0);
  killed.process.kill('SIGKILL');
  await until(() => Object.keys(workersOf(place('home-slide').home)).length === 0);
  const { status, stderr } = await runHere(run, place('home-slide'));
  expect(status, stderr).toBe(0);
  expect(await strips()).toHaveLength(5);
  const folders = ['masks', 'confidence', 'overlays', 'polygons'];
  expect(await digestsBelow(join(folder(), 'slide-run'), folders)).toEqual(
    await digestsBelow(join(folder(), 'slide-direct'), folders),
  );
});
