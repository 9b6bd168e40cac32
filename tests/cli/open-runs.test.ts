import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { hasPartial, leftBehind } from '../support/chaos.ts';
import { runCommand, startCommand, until } from '../support/command.ts';
import { suiteFolder } from '../support/in-temporary-folder.ts';
import { hasTerminal, typeInTerminal } from '../support/terminal.ts';
import { tinyProfile, writeTinyRecord } from '../support/tiny-record.ts';

const folder = suiteFolder();
const WORDS = ['run', '--profile', 'tiny.yaml', '--tasks', 'he', '--data', 'data', '--results', 'results'];
const place = (home: string) => ({ home: join(folder(), home), cwd: folder() });

beforeAll(async () => {
  await writeTinyRecord(folder(), [{ name: 'patient1_he_roi1', width: 2_400, height: 800 }]);
  await writeFile(join(folder(), 'tiny.yaml'), tinyProfile(join(folder(), 'served')));
});

it('shows for an open run whether a process works on it, whether it is paused, and what to do', async () => {
  const told = async () => {
    const [status, list] = [await runCommand(['status'], place('home')), await runCommand(['list'], place('home'))];
    const json = await runCommand(['list', '--json'], place('home'));
    const { status: state, paused } = JSON.parse(json.stdout).runs[0];
    return { status: status.stdout.split('\n')[0], list: list.stdout.trimEnd(), json: { state, paused } };
  };
  const open = startCommand(WORDS, place('home'));
  await until(() => hasPartial(place('home').home), open.stderr);
  expect(await told()).toEqual({
    status: expect.stringMatching(/: running$/),
    list: expect.stringMatching(/ {2}running {6}reproduce\/\S+$/),
    json: { state: 'running', paused: false },
  });
  expect((await runCommand(['pause'], place('home'))).status).toBe(0);
  expect(await told()).toEqual({
    status: expect.stringMatching(/: paused: run `npx reignite resume` to resume$/),
    list: expect.stringMatching(/ {2}paused .*run `npx reignite resume` to resume$/),
    json: { state: 'running', paused: true },
  });
  expect((await runCommand(['resume'], place('home'))).status).toBe(0);
  open.process.kill('SIGINT');
  await open.ended;
  expect(await told()).toEqual({
    status: expect.stringMatching(/: interrupted: run the same command to resume$/),
    list: expect.stringMatching(/ {2}interrupted {2}reproduce\/\S+ {2}run the same command to resume$/),
    json: { state: 'interrupted', paused: false },
  });
  const verified = await runCommand(['verify', '--json'], place('home'));
  expect([verified.status, JSON.parse(verified.stdout).error.code]).toEqual([1, 'RUN_OPEN']);
  const byFolder = await runCommand(['verify', 'results', '--json'], place('home'));
  expect([byFolder.status, JSON.parse(byFolder.stdout).error.code]).toEqual([1, 'RUN_OPEN']);
  const ended = await runCommand(WORDS, place('home'));
  expect(ended.status, ended.stderr).toBe(0);
  const retried = await runCommand(['retry'], place('home'));
  expect([retried.status, retried.stdout]).toEqual([0, expect.stringContaining('has no failures to retry')]);
  expect((await runCommand(WORDS, place('home'))).status).toBe(0);
  const all = JSON.parse((await runCommand(['list', '--all', '--json'], place('home'))).stdout).runs;
  expect(all).toHaveLength(2);
  expect(all[0]).toMatchObject({ status: 'done', run: all[1].run, said: all[1].said });
  expect(all[1]).toMatchObject({ status: 'done', said: { he: expect.any(String) } });
  expect(JSON.parse((await runCommand(['list', '--json'], place('home'))).stdout).runs).toHaveLength(1);
});

const LAST_WORDS = 'Interrupted: run the same command to resume; finished work is kept.';

it.skipIf(!hasTerminal).each([40, 80, 200])(
  'ends at Ctrl-C during an ROI with one true sentence on a terminal of %i columns, and leaves no process',
  async (columns) => {
    const at = place(`home-${columns}`);
    const words = WORDS.map((word) => (word === 'results' ? `results-${columns}` : word));
    const session = typeInTerminal(words, { ...at, columns });
    await until(() => hasPartial(at.home), session.text);
    session.pressCtrlC();
    const { status, text } = await session.ended;
    expect(status, text).toBe(130);
    expect(wordsAfterCtrlC(text)).toBe(LAST_WORDS);
    expectToFit(text, columns);
    expect(leftBehind(at.home)).toEqual([]);
    for (const command of ['list', 'status']) {
      const shown = await typeInTerminal([command], { ...at, columns }).ended;
      expect(inOneLine(shown.text)).toContain('run the same command to resume');
      expectToFit(shown.text, columns);
    }
  },
);

it.skipIf(!hasTerminal).each([40, 80, 200])(
  'shows on a terminal of %i columns which work waits for a worker, if none is started',
  async (columns) => {
    const at = place(`home-unserved-${columns}`);
    const words = [...WORDS.map((word) => (word === 'results' ? `results-unserved-${columns}` : word)), '--no-workers'];
    const session = typeInTerminal(words, { ...at, columns });
    await session.shows(/No worker\s+is\s+polling/);
    session.pressCtrlC();
    const { status, text } = await session.ended;
    expect(status, text).toBe(130);
    expect(inOneLine(text)).toMatch(/No worker is polling reignite-orchestration.*`npx reignite worker`/);
    expect(wordsAfterCtrlC(text)).toBe(LAST_WORDS);
    expectToFit(text, columns);
    expect(leftBehind(at.home)).toEqual([]);
  },
);

const inOneLine = (text: string) => text.replaceAll(/\s+/g, ' ');

const wordsAfterCtrlC = (text: string) => inOneLine(text.slice(text.indexOf('^C') + 2).trim());

function expectToFit(text: string, columns: number): void {
  for (const line of text.split('\r\n')) {
    expect(line.length, line).toBeLessThanOrEqual(Math.max(columns, longestWord(line)));
  }
}

/** A path or an id that is longer than the terminal is wide cannot be broken at a word. */
function longestWord(line: string): number {
  return Math.max(0, ...line.split(' ').map(({ length }) => length)) + 4;
}
