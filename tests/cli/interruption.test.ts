import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { hasPartial, leftBehind } from '../support/chaos.ts';
import { startCommand, until } from '../support/command.ts';
import { suiteFolder } from '../support/in-temporary-folder.ts';
import { tinyProfile, writeTinyRecord } from '../support/tiny-record.ts';

const SIGNALS = [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const;

const folder = suiteFolder();
const place = (home: string) => ({ home: join(folder(), home), cwd: folder() });
const lastLine = (text: string) => text.trimEnd().split('\n').at(-1);

beforeAll(async () => {
  await writeTinyRecord(folder(), [{ name: 'patient1_he_roi1', width: 64, height: 49 }]);
  await writeFile(join(folder(), 'tiny.yaml'), tinyProfile(join(folder(), 'served')));
});

describe.each(SIGNALS)('%s', (signal, expected) => {
  it('ends `evaluate` at once, with one true sentence', async () => {
    // As if the disk were slow.
    const slow = join(folder(), 'slow.mjs');
    await writeFile(
      slow,
      `import fs from 'node:fs/promises';
       import { syncBuiltinESMExports } from 'node:module';
       const { readFile } = fs;
       fs.readFile = async (path, ...more) => {
         if (String(path).endsWith('labels.json')) {
           process.stderr.write('It reads.\\n');
           await new Promise((resolve) => setTimeout(resolve, 120_000));
         }
         return readFile(path, ...more);
       };
       syncBuiltinESMExports();`,
    );
    await writeFile(join(folder(), 'labels.json'), '{}');
    await mkdir(join(folder(), 'masks'), { recursive: true });
    const words = 'evaluate --task he --data unpacked --predictions masks --out out --labels labels.json'.split(' ');
    const environment = { NODE_OPTIONS: `--import ${pathToFileURL(slow).href}` };
    const command = startCommand(words, { ...place('home-evaluate'), environment });
    await command.shows('It reads.');
    command.process.kill(signal);
    const { status, stdout, stderr } = await command.ended;
    expect([status, stdout]).toEqual([expected, '']);
    expect(stderr).toBe(
      'It reads.\nInterrupted: the evaluation is not complete. Run the same command to compute it again.\n',
    );
  });
});

it('ends `server` together with the server', async () => {
  const at = place('home-server');
  const command = startCommand(['server'], at);
  await command.shows('Press Ctrl-C to stop.');
  command.process.kill('SIGINT');
  const { status, stderr } = await command.ended;
  expect([status, lastLine(stderr)]).toEqual([130, 'Stopped.']);
  expect(leftBehind(at.home)).toEqual([]);
});

it('ends everything immediately at the second Ctrl-C', async () => {
  const at = place('home-twice');
  const words = ['run', '--profile', 'tiny.yaml', '--tasks', 'he', '--data', 'data', '--results', 'results'];
  // Its worker cannot end before the second one: a thread is in the middle of an ROI.
  const HELD = join(folder(), 'held');
  await writeFile(`${HELD}-1`, '');
  const NODE_OPTIONS = `--import=${import.meta.resolve('../support/hold-images.mjs')}`;
  const command = startCommand(words, { ...at, environment: { NODE_OPTIONS, HELD } });
  await until(() => hasPartial(at.home), command.stderr);
  command.process.kill('SIGINT');
  await command.shows('Interrupted: run the same command to resume');
  command.process.kill('SIGINT');
  const { status, stderr } = await command.ended;
  expect([status, lastLine(stderr)]).toEqual([
    130,
    'Interrupted: run the same command to resume; finished work is kept.',
  ]);
  await until(() => leftBehind(at.home).length === 0);
});
