import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { predictCommand } from '../../cli/predict/predict.ts';
import { scheduleCommand } from '../../cli/run/schedule.ts';
import { ERRORS } from '../../toolkit/errors.ts';
import { runHere } from '../support/command-here.ts';
import { suiteFolder } from '../support/in-temporary-folder.ts';
import { hasTerminal, typeInTerminal } from '../support/terminal.ts';

const folder = suiteFolder();
const place = () => ({ home: join(folder(), 'home'), cwd: folder() });

const MISTAKES: readonly (readonly [words: string, code: string, said: RegExp])[] = [
  ['runn', 'USAGE', /Unknown command 'runn'\. Did you mean run\?/],
  ['run --proflie x', 'USAGE', /Unknown option '--proflie'\. Did you mean --profile\?/],
  ['run --tasks hee', 'USAGE', /'hee' is invalid.*Did you mean he\?/],
  ['predict --task nucleii --model m --out o i.png', 'USAGE', /Did you mean nuclei\?/],
  ['predict --task he --mpp half --model m --out o i.png', 'USAGE', /'half' is invalid\. Expected a number\./],
  ['model inspect', 'USAGE', /Missing required argument 'file'\./],
  ['status a b', 'USAGE', /Too many arguments/],
  ['clean cahces', 'USAGE', /Did you mean cache\?/],
  ['run --profile smaple', 'CONFIG_INVALID', /Unknown profile smaple.*Did you mean sample\?/],
  ['run --set he.scoop=full', 'CONFIG_INVALID', /there is no field scoop\. Did you mean scope\?/],
  [
    'run --set he.scope=fulll',
    'CONFIG_INVALID',
    /he\.scope \(got "fulll"\): expected full or annotated\. Did you mean full\?/,
  ],
  ['run --set inference.provider=cudaa', 'CONFIG_INVALID', /Did you mean cuda\?/],
  [
    'run --set temporal.maxConcurrentRois=99',
    'CONFIG_INVALID',
    /temporal\.maxConcurrentRois \(got 99\): expected at most 64\./,
  ],
];

it.each(MISTAKES)(
  'says what is wrong with `%s` in two lines, and as one document with --json',
  async (text, code, said) => {
    const words = text.split(' ');
    const typed = await runHere(words, place());
    expect(typed).toMatchObject({ status: 2, stdout: '' });
    const lines = typed.stderr.trimEnd().split('\n');
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(said);
    expect(lines[1]).toMatch(/^ {2}(Run `npx reignite|Choose from )/);
    const asked = await runHere([...words, '--json'], place());
    expect(asked).toMatchObject({ status: 2, stderr: '' });
    expect(JSON.parse(asked.stdout).error).toMatchObject({ code, cause: expect.stringMatching(said) });
  },
);

it('ends quietly when the reader of its output goes away, and reports a full disk', async () => {
  const entry = new URL('../../bin/reignite.js', import.meta.url).pathname;
  const { spawnSync } = await import('node:child_process');
  const shell = (command: string) =>
    spawnSync('bash', ['-c', command], { encoding: 'utf8', env: { ...process.env, REIGNITE_HOME: place().home } });
  expect(shell(`node ${entry} config --schema | true`).stderr).toBe('');
  const full = shell(`node ${entry} config > /dev/full`);
  expect(full.status).toBe(1);
  expect(full.stderr).toContain('NO_SPACE');
});

it('requires a newer Node with the words of the error table and the version in package.json', async () => {
  const text = await readFile(new URL('../../bin/reignite.js', import.meta.url), 'utf8');
  expect(text).toContain(`remedy = '${ERRORS.NODE_TOO_OLD.remedy}'`);
  const { engines } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'));
  expect(engines.node).toBe('>=20.19');
  // Node 12 knows none of these.
  expect(text).not.toMatch(/^import |\?\?|\?\.|node:|^await/m);
});

it.skipIf(!hasTerminal).each([40, 80, 200])(
  'ends with the mistake and a hint on a terminal of %i columns',
  async (columns) => {
    const { status, text } = await typeInTerminal(['run', '--proflie', 'x'], { ...place(), columns }).ended;
    expect(status).toBe(2);
    const lines = text.trimEnd().split('\r\n');
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(columns);
    expect(lines.map((line) => line.trim()).join(' ')).toBe(
      "error USAGE: Unknown option '--proflie'. Did you mean --profile? Run `npx reignite run --help` for its arguments and options.",
    );
  },
);

const { signal } = new AbortController();

it.each([
  [{ simplify: 1 }, '--simplify is for masks only; detectors draw no outlines.'],
  [{ minArea: 30 }, '--min-area is for masks only; detectors draw no outlines.'],
])('refuses %j for predict with a detector', async (given, message) => {
  const options = { task: 'nuclei', model: 'nuclei.pt', out: 'cells', ...given } as const;
  await expect(predictCommand(['one.png'], options, signal)).rejects.toMatchObject({ code: 'USAGE', message });
});

it('refuses to create and remove a schedule at once', async () => {
  const options = { profile: 'sample', set: [], every: 'month', end: true } as const;
  await expect(scheduleCommand(options, signal)).rejects.toMatchObject({
    code: 'USAGE',
    message: '--every and --end exclude each other.',
  });
});
