import { existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { sha256OfFile } from '../../toolkit/files/hash-file.ts';
import { type Command, type Ended, startCommand, until } from '../support/command.ts';
import { runHere } from '../support/command-here.ts';
import { digestsBelow } from '../support/files-below.ts';
import { suiteFolder } from '../support/in-temporary-folder.ts';
import { noise } from '../support/random-numbers.ts';

const fixture = (path: string) => fileURLToPath(new URL(`../fixtures/${path}`, import.meta.url));
const folder = suiteFolder();
const place = () => ({ home: join(folder(), 'home'), cwd: folder() });
const inFolder = (...path: string[]) => join(folder(), ...path);

async function writeImage(path: string, width: number, height: number, seed: number): Promise<void> {
  await sharp(noise(width * height * 3, seed), { raw: { width, height, channels: 3 } }).toFile(inFolder(path));
}

beforeAll(async () => {
  await mkdir(inFolder('other'));
  await writeImage('one.png', 75, 48, 5);
  await writeImage('two.png', 60, 40, 6);
  await writeImage('other/one.png', 33, 33, 7);
  await writeImage('large.png', 260, 200, 8);
  await writeImage('long.png', 100, 300, 9);
  await writeFile(inFolder('broken.png'), 'no picture');
});

const words = (out: string, model = fixture('nnunet/plain')) => [
  ...['predict', '--task', 'he', '--model', model, '--out', out, '--provider', 'cpu'],
];
const predict = (out: string, ...more: string[]) => runHere([...words(out), ...more], place());

/**
 * Starts a command in a process of its own. It waits within its last image, which no other command may have predicted
 * before, until the file `held` is removed.
 */
async function startHeld(out: string, held: string, image: string, ...more: string[]): Promise<Command> {
  const environment = {
    NODE_OPTIONS: `--import=${import.meta.resolve('../support/hold-at-row.mjs')}`,
    IMAGE: await sha256OfFile(inFolder(image)),
    HELD: held,
  };
  const command = startCommand([...words(out), ...more, image], { ...place(), environment });
  await until(() => existsSync(held) || command.process.exitCode !== null, command.stderr);
  expect(existsSync(held), command.stderr()).toBe(true);
  return command;
}

async function refused(out: string, ...more: string[]) {
  const { status, stdout } = await predict(out, '--json', ...more);
  return { status, ...JSON.parse(stdout).error };
}

const namesIn = async (out: string) =>
  JSON.parse(await readFile(inFolder(out, 'summary.json'), 'utf8')).images.map(({ name }: { name: string }) => name);
const rowsOf = async (out: string) =>
  new Set(
    (await readFile(inFolder(out, 'areas.csv'), 'utf8'))
      .trim()
      .split('\n')
      .slice(1)
      .map((row) => row.split(',')[0]),
  );

describe('the folder of a prediction', () => {
  let settled: Ended | undefined;

  it('has tables of all images that were predicted into it', async () => {
    expect((await predict('both', 'one.png')).status).toBe(0);
    const { status, stdout, stderr } = await predict('both', 'two.png');
    expect(status, stderr).toBe(0);
    expect(stdout).not.toContain('one:');
    expect(stderr).toContain('cover 1 image predicted earlier');
    expect(await namesIn('both')).toEqual(['one', 'two']);
    expect(await rowsOf('both')).toEqual(new Set(['one', 'two']));
    expect((await readdir(inFolder('both', 'masks'))).sort()).toEqual(['one.png', 'two.png']);
    const again = await predict('both', 'one.png');
    expect(again.status).toBe(0);
    expect(await namesIn('both')).toEqual(['two', 'one']);
  });

  it.each([
    [['--simplify', '2'], '--simplify 0 in the folder, 2 now'],
    [['--min-area', '0'], '--min-area 25 in the folder, 0 now'],
    [['--mpp', '0.5'], '--mpp not given in the folder, 0.5 now'],
    [['--folds', '0'], 'the model'],
    [['--labels', 'labels.json'], '--labels'],
  ])('refuses images predicted otherwise: %j', async (more, named) => {
    await writeFile(inFolder('labels.json'), JSON.stringify({ a: 0, b: 1, c: 2, d: 3, e: 4 }));
    // Once for all of them: nothing of it changes.
    settled ??= await predict('settled', 'one.png');
    expect(settled.status).toBe(0);
    const before = await digestsBelow(inFolder('settled'), ['.']);
    const error = await refused('settled', ...more, 'two.png');
    expect([error.status, error.code]).toEqual([1, 'PREDICTION_CONFLICT']);
    expect(error.cause).toContain(named);
    expect(error.remedy).toContain('--out');
    expect(await digestsBelow(inFolder('settled'), ['.'])).toEqual(before);
  });

  it('rejects another task, and folders with other contents', async () => {
    expect((await predict('tissue', 'one.png')).status).toBe(0);
    const cells = ['predict', '--task', 'nuclei', '--model', fixture('yolov5/v5.pt'), '--provider', 'cpu', '--json'];
    const other = await runHere([...cells, '--out', 'tissue', 'one.png'], place());
    expect(JSON.parse(other.stdout).error.code).toBe('PREDICTION_CONFLICT');

    await mkdir(inFolder('results'));
    await writeFile(inFolder('results', 'summary.json'), '{"status":"done"}');
    expect(await refused('results', 'one.png')).toMatchObject({ code: 'PREDICTION_CONFLICT' });
    expect(await readdir(inFolder('results'))).toEqual(['summary.json']);

    await mkdir(inFolder('earlier', 'masks'), { recursive: true });
    await copyFile(inFolder('one.png'), inFolder('earlier', 'masks', 'old.png'));
    expect(await refused('earlier', 'one.png')).toMatchObject({ code: 'PREDICTION_CONFLICT' });
  });

  it('accepts other settings if nothing was predicted before, and is not created by a command that did not start', async () => {
    expect((await refused('nothing', 'broken.png')).code).toBe('IMAGE_UNREADABLE');
    expect((await predict('nothing', '--simplify', '1', 'one.png')).status).toBe(0);
    expect(await namesIn('nothing')).toEqual(['one']);
    const { status } = await runHere([...words('unmade', 'nowhere'), 'one.png'], place());
    expect(status).toBe(1);
    await expect(readdir(inFolder('unmade'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('rejects an image with the name of another one, unless the images are identical', async () => {
    expect((await predict('names', 'one.png')).status).toBe(0);
    const error = await refused('names', 'other/one.png');
    expect([error.status, error.code]).toEqual([2, 'USAGE']);
    expect(error.cause).toContain(inFolder('one.png'));
    await mkdir(inFolder('copy'), { recursive: true });
    await copyFile(inFolder('one.png'), inFolder('copy', 'one.png'));
    expect((await predict('names', 'copy/one.png')).status).toBe(0);
  });

  it('rejects a second concurrent command, continues after a killed one, and lists what is unfinished', async () => {
    const first = await startHeld('busy', inFolder('busy.held'), 'large.png', 'one.png');
    await first.shows(/image 2 of 2: large/);
    const error = await refused('busy', 'two.png');
    expect([error.status, error.code]).toEqual([1, 'RESULTS_IN_USE']);
    expect(error.cause).toContain(String(first.process.pid));
    first.process.kill('SIGKILL');
    await first.ended;
    const next = await predict('busy', 'two.png');
    expect(next.status, next.stderr).toBe(0);
    expect(await namesIn('busy')).toEqual(['one', 'two']);
    const { failures } = JSON.parse(await readFile(inFolder('busy', 'summary.json'), 'utf8'));
    expect(failures).toMatchObject([{ image: join('..', 'large.png'), code: 'CANCELLED' }]);
    const resumed = await predict('busy', 'one.png', 'large.png');
    expect(resumed.status, resumed.stderr).toBe(0);
    expect(await namesIn('busy')).toEqual(['two', 'one', 'large']);
    expect(JSON.parse(await readFile(inFolder('busy', 'summary.json'), 'utf8')).failures).toEqual([]);
  });

  it('has its tables even if it is interrupted', async () => {
    const held = inFolder('stopped.held');
    const first = await startHeld('stopped', held, 'long.png', '--min-area', '4', 'two.png');
    await first.shows(/image 2 of 2: long/);
    first.process.kill('SIGINT');
    await first.shows('Interrupted');
    await rm(held);
    expect((await first.ended).status).toBe(130);
    expect(await namesIn('stopped')).toEqual(['two']);
  });

  it('predicts the other images if one fails, and returns status 3', async () => {
    const { status, stdout, stderr } = await predict('failing', '--json', 'broken.png', 'one.png');
    expect(status, stderr).toBe(3);
    const { images, failures } = JSON.parse(stdout);
    expect(images).toMatchObject([{ name: 'one' }]);
    expect(failures).toMatchObject([{ code: 'IMAGE_UNREADABLE', image: inFolder('broken.png') }]);
  });
});

describe('an output that cannot be written', () => {
  /** Told before the network sees anything. */
  async function refusedEarly(out: string, ...more: string[]) {
    const { status, stdout, stderr } = await predict(out, '--json', ...more);
    expect(stderr).not.toMatch(/image \d+ of/);
    return { status, ...JSON.parse(stdout).error };
  }

  it('is reported early: a file in the place of a folder, or a folder in the place of a file', async () => {
    await writeFile(inFolder('file'), 'x');
    expect(await refusedEarly('file', 'one.png')).toMatchObject({ status: 1, code: 'NOT_WRITABLE' });
    expect(await refusedEarly('file/below', 'one.png')).toMatchObject({ status: 1, code: 'NOT_WRITABLE' });
    await mkdir(inFolder('half'));
    await writeFile(inFolder('half', 'overlays'), 'x');
    const half = await refusedEarly('half', 'one.png');
    expect([half.code, half.cause]).toEqual(['NOT_WRITABLE', expect.stringContaining(inFolder('half', 'overlays'))]);
    expect((await predict('taken', 'one.png')).status).toBe(0);
    await mkdir(inFolder('taken', 'polygons', 'two.geojson'));
    const taken = await refusedEarly('taken', 'two.png');
    expect([taken.code, taken.cause]).toEqual(['NOT_WRITABLE', expect.stringContaining('two.geojson')]);
  });

  it.runIf(process.platform === 'linux')('is reported early: a folder that the system cannot create', async () => {
    const error = await refusedEarly('/proc/reignite/out', 'one.png');
    expect([error.status, error.code]).toEqual([1, 'NOT_WRITABLE']);
  });

  it('is not reported for any name that the file system can store', async () => {
    const name = `${'n'.repeat(247)}.png`;
    await copyFile(inFolder('one.png'), inFolder(name));
    const { status, stderr } = await predict('fitting', name);
    expect(status, stderr).toBe(0);
    expect(await namesIn('fitting')).toContain('n'.repeat(247));
  });

  it.each([252, 255])('is reported early: a name of %d bytes', async (length) => {
    const name = `${'n'.repeat(length - 4)}.png`;
    await copyFile(inFolder('one.png'), inFolder(name));
    const error = await refusedEarly('long', 'two.png', name);
    expect([error.status, error.code]).toEqual([1, 'NAME_TOO_LONG']);
    expect(error.cause).toContain('too long');
    expect(error.remedy).toContain('shorter');
  });

  // Root may write anywhere.
  it.skipIf(process.getuid?.() === 0)('is reported early: a folder without permission', async () => {
    await mkdir(inFolder('sealed'));
    await chmod(inFolder('sealed'), 0o500);
    expect(await refusedEarly('sealed', 'one.png')).toMatchObject({ status: 1, code: 'NOT_WRITABLE' });
  });
});
