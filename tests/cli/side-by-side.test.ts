import { mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, expect, it, onTestFinished } from 'vitest';
import { leftBehind } from '../support/chaos.ts';
import { startCommand } from '../support/command.ts';
import { runHere } from '../support/command-here.ts';
import { digestsBelow } from '../support/files-below.ts';
import { suiteFolder } from '../support/in-temporary-folder.ts';
import { serveHome } from '../support/serve-home.ts';
import { tinyProfile, writeTinyRecord } from '../support/tiny-record.ts';

const PROMISED = ['inference', 'confidence', 'metrics', 'figures'];
const ROI = { name: 'patient1_he_roi1', width: 128, height: 112 };

const folder = suiteFolder();
let attempt = 0;
/** The folder of one attempt at the test: a repeated attempt starts without what the last one left. */
const root = () => join(folder(), `attempt-${attempt}`);
const profile = () => ['--profile', join(folder(), 'tiny.yaml')];
const place = (home: string) => ({ home: join(root(), home), cwd: root() });
const outputs = (results: string) => digestsBelow(join(root(), results), PROMISED);

/** The words of one of two configurations that differ in what they infer; their names end up in the runs' ids. */
function wordsOf(name: 'full' | 'annotated', data: string, results: string): string[] {
  const settings = ['--set', `name=${name}`, '--set', `he.scope=${name}`];
  return ['run', ...profile(), '--tasks', 'he', ...settings, '--data', data, '--results', results];
}

beforeAll(async () => {
  await writeTinyRecord(folder(), [ROI], async (unpacked) => {
    // Annotated in a corner only: there the scopes differ.
    const corner = sharp({ create: { width: 60, height: 60, channels: 3, background: '#030303' } });
    const path = join(unpacked, 'annotations', 'he', `${ROI.name}_with_context.png`);
    const labels = sharp({ create: { width: ROI.width, height: ROI.height, channels: 3, background: '#000000' } })
      .composite([{ input: await corner.png().toBuffer(), left: 0, top: 0 }])
      .extractChannel(0);
    await labels.toColourspace('b-w').png().toFile(path);
  });
  await writeFile(join(folder(), 'tiny.yaml'), tinyProfile(join(folder(), 'served')));
});

it('runs two runs of one state directory and one of another at the same time on one data folder, without interference', async () => {
  attempt += 1;
  await mkdir(root());
  const [home, other] = [place('home'), place('other-home')];
  const commands = [
    startCommand(wordsOf('full', 'data', 'results-full'), home),
    startCommand(wordsOf('annotated', 'data', 'results-annotated'), home),
    startCommand(wordsOf('annotated', 'data', 'results-other'), other),
  ];
  await Promise.all(commands.map((command) => command.shows('Started')));
  const [runs, others] = [await ask(home, 'list'), await ask(other, 'list')];
  expect(runs.runs.map(namesOf).sort()).toEqual(['annotated results-annotated running', 'full results-full running']);
  expect(others.runs.map(namesOf)).toEqual(['annotated results-other running']);
  const unseen = await runHere(['status', '/full/', '--json'], other);
  expect([unseen.status, JSON.parse(unseen.stdout).error.code]).toEqual([1, 'RUN_NOT_FOUND']);

  for (const { status, stderr } of await Promise.all(commands.map(({ ended }) => ended))) {
    expect(status, stderr).toBe(0);
  }
  expect([...leftBehind(home.home), ...leftBehind(other.home)]).toEqual([]);

  // Alone, one after the other, in a state directory that knows nothing of them.
  onTestFinished(await serveHome(place('home-alone'), profile()));
  for (const name of ['full', 'annotated'] as const) {
    const alone = await runHere(wordsOf(name, 'data-alone', `results-alone-${name}`), place('home-alone'));
    expect(alone.status, alone.stderr).toBe(0);
    expect(await outputs(`results-${name}`)).toEqual(await outputs(`results-alone-${name}`));
  }
  expect(await outputs('results-other')).toEqual(await outputs('results-alone-annotated'));
  expect(await outputs('results-full')).not.toEqual(await outputs('results-annotated'));
});

/** What a command answers as a program reads it. */
async function ask(where: ReturnType<typeof place>, word: string) {
  const { status, stdout, stderr } = await runHere([word, '--json'], where);
  expect(status, stderr).toBe(0);
  return JSON.parse(stdout);
}

/** Which configuration a run is of, where it writes, and how it stands. */
function namesOf({ run, results, status }: Record<'run' | 'results' | 'status', string>): string {
  return `${run.split('/')[2]} ${basename(results)} ${status}`;
}
