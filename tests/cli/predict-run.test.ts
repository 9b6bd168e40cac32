import { randomUUID } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { type KeyParts, StepCache } from '../../toolkit/cache/step-cache.ts';
import { hasPartial, leftBehind } from '../support/chaos.ts';
import { isAlive, type Place, startCommand, until } from '../support/command.ts';
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
    ['large.png', 120, 112],
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

/** Starts a durable prediction; kills it and all workers once `isSo`. */
async function killWhen(run: readonly string[], at: Place, isSo: (stderr: string) => Promise<boolean>): Promise<void> {
  const command = startCommand(run, at);
  await until(() => isSo(command.stderr()), command.stderr);
  for (const line of leftBehind(at.home)) killProcess(Number.parseInt(line, 10));
  await command.ended;
  await until(() => leftBehind(at.home).length === 0);
}

function killProcess(pid: number): void {
  // A worker ends by itself as soon as it notices the end of its command.
  if (isAlive(pid)) process.kill(pid, 'SIGKILL');
}

it('predicts the same with a durable run as without, though everything is killed meanwhile', async () => {
  const tall = { width: 150, height: 1_100, channels: 3 } as const;
  await sharp(noise(tall.width * tall.height * 3, 7), { raw: tall })
    .tiff({ compression: 'deflate', tile: true, tileWidth: 64, tileHeight: 64 })
    .toFile(join(folder(), 'tall.tif'));
  // A repetition of this test must not find the results of the first attempt.
  const attempt = randomUUID().slice(0, 8);
  const at = place(`home-${attempt}`);
  const [images, slide] = [`images-${attempt}`, `slide-${attempt}`];
  const whole = ['--level', '0', '--everywhere', 'tall.tif'];
  const runs = {
    images: [...words(images), ...IMAGES, '--run', '--json'],
    slide: [...words(slide), ...whole, '--run', '--json'],
  };
  const partsDone = async () => {
    const done: KeyParts[] = [];
    for await (const { parts } of new StepCache(join(at.home, 'cache')).entries()) done.push(parts);
    return done;
  };
  const imagesDone = async () => (await partsDone()).filter((parts) => parts['step'] === 'predict-tissue').length;
  const strips = async () => (await partsDone()).filter((parts) => parts['rows'] !== undefined).length;

  // One image is finished, and the next one is in its middle.
  const HELD = join(folder(), `held-${attempt}`);
  await writeFile(`${HELD}-2`, '');
  const NODE_OPTIONS = `--import=${import.meta.resolve('../support/hold-images.mjs')}`;
  const held = { ...at, environment: { ...at.environment, NODE_OPTIONS, HELD } };
  await killWhen(runs.images, held, async (stderr) => {
    return /[12] of 3 images/.test(stderr) && (await hasPartial(at.home)) && (await imagesDone()) === 1;
  });
  onTestFinished(await startWorkers(at));
  const resumed = await runHere(runs.images, at);
  expect(resumed.stderr).toContain('Attached to predict/he/');

  // Several workers may share a slide.
  await killWhen(runs.slide, at, async () => (await strips()) > 0);
  onTestFinished(await startWorkers(at));
  const resumedSlide = await runHere(runs.slide, at);
  expect(resumedSlide.status, resumedSlide.stderr).toBe(0);
  expect(await strips()).toBe(5);

  const direct = await runHere([...words('direct'), ...IMAGES, '--json'], place('home-direct'));
  expect([resumed.status, direct.status], resumed.stderr).toEqual([3, 3]);
  expect(await digestsBelow(join(folder(), images), FOLDERS)).toEqual(
    await digestsBelow(join(folder(), 'direct'), FOLDERS),
  );
  const timeless = (text: string) =>
    JSON.parse(text, (key, value) => (key === 'seconds' || key === 'cached' ? undefined : value));
  expect(timeless(resumed.stdout)).toEqual(timeless(direct.stdout));
  expect(timeless(resumed.stdout)).toMatchObject({
    images: [{ name: 'large' }, { name: 'small' }],
    failures: [{ code: 'IMAGE_UNREADABLE', image: join(folder(), 'broken.png') }],
  });
  const listed = JSON.parse((await runHere(['list', '--json'], at)).stdout);
  expect(listed.runs).toContainEqual(expect.objectContaining({ results: join(folder(), images), status: 'partial' }));

  const directSlide = await runHere([...words('slide-direct'), ...whole, '--json'], place('home-direct'));
  expect(directSlide.status, directSlide.stderr).toBe(0);
  const ofSlide = ['masks', 'confidence', 'overlays', 'polygons'];
  expect(await digestsBelow(join(folder(), slide), ofSlide)).toEqual(
    await digestsBelow(join(folder(), 'slide-direct'), ofSlide),
  );
});

it('can be listed, watched, paused, cancelled, retried and explained with the run commands, and adds to the tables of a folder', async () => {
  // A repetition of this test must not find the results of the first attempt.
  const attempt = randomUUID().slice(0, 8);
  const [steered, shared] = [`steered-${attempt}`, `shared-${attempt}`];
  const home = `home-steered-${attempt}`;
  const run = [...words(steered), 'medium.png', 'small.png', '--run'];
  const command = (...words: string[]) => runHere(words, place(home));
  const RELEASED_BY = join(folder(), `released-${attempt}`);
  const NODE_OPTIONS = `--import=${import.meta.resolve('../support/hold-inference.mjs')}`;
  const held = place(home);
  const first = startCommand(run, { ...held, environment: { ...held.environment, NODE_OPTIONS, RELEASED_BY } });
  await first.shows(/0 of 2 images/);
  const status = await command('status', '--json');
  expect(JSON.parse(status.stdout)).toMatchObject({
    run: expect.stringMatching(/^predict\/he\//),
    status: 'running',
    results: join(folder(), steered),
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
  onTestFinished(await startWorkers(place(home)));
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

  // Adds to the tables of a folder with the same settings, and rejects other settings before it starts.
  const folderOf = words(shared);
  const direct = await command(...folderOf, 'small.png');
  expect(direct.status, direct.stderr).toBe(0);
  const other = await command(...folderOf, '--simplify', '2', 'copy.png', '--run', '--json');
  expect([other.status, JSON.parse(other.stdout).error.code]).toEqual([1, 'PREDICTION_CONFLICT']);
  expect(other.stderr).not.toContain('Started');
  const added = await command(...folderOf, 'copy.png', '--run', '--json');
  expect(added.status, added.stderr).toBe(0);
  expect(JSON.parse(added.stdout).images).toMatchObject([{ name: 'small' }, { name: 'copy' }]);
  const table = await readFile(join(folder(), shared, 'areas.csv'), 'utf8');
  expect(new Set(table.split('\n').map((row) => row.split(',')[0]))).toEqual(new Set(['image', 'small', 'copy', '']));
});
