import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, it, onTestFinished } from 'vitest';
import { hasPartial, inferenceStarts, leftBehind } from '../support/chaos.ts';
import { startCommand, until } from '../support/command.ts';
import { runHere } from '../support/command-here.ts';
import { suiteFolder } from '../support/in-temporary-folder.ts';
import { startServer, startWorkers } from '../support/serve-home.ts';
import { hasTerminal, typeInTerminal } from '../support/terminal.ts';
import { tinyProfile, writeTinyRecord } from '../support/tiny-record.ts';

const folder = suiteFolder();
const wordsOf = (profile: string, data: string, results: string) => [
  ...['run', '--profile', profile, '--tasks', 'he', '--data', data, '--results', results],
];
const place = (home: string) => ({ home: join(folder(), home), cwd: folder() });

beforeAll(async () => {
  await writeTinyRecord(folder(), [{ name: 'patient1_he_roi1', width: 2_400, height: 800 }]);
  await writeFile(join(folder(), 'tiny.yaml'), tinyProfile(join(folder(), 'served')));
  const { served } = await writeTinyRecord(join(folder(), 'small'), [
    { name: 'patient1_he_roi1', width: 64, height: 49 },
  ]);
  await writeFile(join(folder(), 'small.yaml'), tinyProfile(served));
});

it('shows for an open run whether a process works on it, whether it is paused, and what to do', async () => {
  const words = wordsOf('small.yaml', 'data-small', 'results');
  const told = async () => {
    const [status, list] = [await runHere(['status'], place('home')), await runHere(['list'], place('home'))];
    const json = await runHere(['list', '--json'], place('home'));
    const { status: state, paused } = JSON.parse(json.stdout).runs[0];
    return { status: status.stdout.split('\n')[0], list: list.stdout.trimEnd(), json: { state, paused } };
  };
  // Its inference lasts as long as it takes to ask.
  const NODE_OPTIONS = `--import=${import.meta.resolve('../support/hold-inference.mjs')}`;
  const environment = { NODE_OPTIONS, RELEASED_BY: join(folder(), 'never') };
  const open = startCommand(words, { ...place('home'), environment });
  await open.shows('Started');
  expect(await told()).toEqual({
    status: expect.stringMatching(/: running$/),
    list: expect.stringMatching(/ {2}running {6}reproduce\/\S+$/),
    json: { state: 'running', paused: false },
  });
  expect((await runHere(['pause'], place('home'))).status).toBe(0);
  expect(await told()).toEqual({
    status: expect.stringMatching(/^(\S+): paused: run `npx reignite resume \1` to resume$/),
    list: expect.stringMatching(/ {2}paused .*run `npx reignite resume reproduce\/\S+` to resume$/),
    json: { state: 'running', paused: true },
  });
  expect((await runHere(['resume'], place('home'))).status).toBe(0);
  open.process.kill('SIGINT');
  await open.ended;
  expect(await told()).toEqual({
    status: expect.stringMatching(/: interrupted: run the same command to resume$/),
    list: expect.stringMatching(/ {2}interrupted {2}reproduce\/\S+ {2}run the same command to resume$/),
    json: { state: 'interrupted', paused: false },
  });
  // From here on, commands attach to a server, and to workers once the run may be resumed.
  onTestFinished(await startServer(place('home')));
  const verified = await runHere(['verify', '--json'], place('home'));
  expect([verified.status, JSON.parse(verified.stdout).error.code]).toEqual([1, 'RUN_OPEN']);
  const byFolder = await runHere(['verify', 'results', '--json'], place('home'));
  expect([byFolder.status, JSON.parse(byFolder.stdout).error.code]).toEqual([1, 'RUN_OPEN']);
  onTestFinished(await startWorkers(place('home')));
  const ended = await runHere(words, place('home'));
  expect(ended.status, ended.stderr).toBe(0);
  const retried = await runHere(['retry'], place('home'));
  expect([retried.status, retried.stdout]).toEqual([0, expect.stringContaining('has no failures to retry')]);
  expect((await runHere(words, place('home'))).status).toBe(0);
  const all = JSON.parse((await runHere(['list', '--all', '--json'], place('home'))).stdout).runs;
  expect(all).toHaveLength(2);
  expect(all[0]).toMatchObject({ status: 'done', run: all[1].run, said: all[1].said });
  expect(all[1]).toMatchObject({ status: 'done', said: { he: expect.any(String) } });
  expect(JSON.parse((await runHere(['list', '--json'], place('home'))).stdout).runs).toHaveLength(1);
});

/** Columns of terminals. */
const WIDTHS = [40, 80, 200];
const LAST_WORDS = 'Interrupted: run the same command to resume; finished work is kept.';

it.skipIf(!hasTerminal)(
  'ends at Ctrl-C during an ROI with one true sentence on a terminal of any width, and leaves no process',
  async () => {
    // A repetition of this test must not find the results of the first attempt.
    const attempt = randomUUID().slice(0, 8);
    const at = place(`home-interrupted-${attempt}`);
    let starts = 0;
    // The first run is resumed on wider terminals.
    for (const columns of WIDTHS) {
      const session = typeInTerminal(wordsOf('tiny.yaml', 'data', `results-interrupted-${attempt}`), {
        ...at,
        columns,
      });
      const isInferring = async () => (await hasPartial(at.home)) && (await inferenceStarts(at.home)) > starts;
      await until(isInferring, session.text);
      session.pressCtrlC();
      const { status, text } = await session.ended;
      expect(status, text).toBe(130);
      expect(wordsAfterCtrlC(text)).toBe(LAST_WORDS);
      expectToFit(text, columns);
      expect(leftBehind(at.home)).toEqual([]);
      starts = await inferenceStarts(at.home);
    }
    // One server for the commands that ask it.
    const stop = await startServer(at);
    const asked = ['list', 'status'].flatMap((command) => WIDTHS.map((columns) => ({ command, columns })));
    await Promise.all(
      asked.map(async ({ command, columns }) => {
        const shown = await typeInTerminal([command], { ...at, columns }).ended;
        expect(inOneLine(shown.text)).toContain('run the same command to resume');
        expectToFit(shown.text, columns);
      }),
    );
    await stop();
  },
);

it.skipIf(!hasTerminal)(
  'shows on a terminal of any width which work waits for a worker, if none is started',
  async () => {
    const showsUnserved = async (columns: number) => {
      const at = place(`home-unserved-${columns}`);
      const words = [...wordsOf('tiny.yaml', 'data', `results-unserved-${columns}`), '--no-workers'];
      const session = typeInTerminal(words, { ...at, columns });
      await session.shows(/No worker\s+is\s+polling/);
      session.pressCtrlC();
      const { status, text } = await session.ended;
      expect(status, text).toBe(130);
      expect(inOneLine(text)).toMatch(/No worker is polling reignite-orchestration.*`npx reignite worker`/);
      expect(wordsAfterCtrlC(text)).toBe(LAST_WORDS);
      expectToFit(text, columns);
      expect(leftBehind(at.home)).toEqual([]);
    };
    // At the same time: the command waits before it says so.
    await Promise.all(WIDTHS.map(showsUnserved));
  },
);

const inOneLine = (text: string) => text.replaceAll(/\s+/g, ' ');

/** The terminal shows ^C before the command receives the signal, which may draw its progress once more in between. */
function wordsAfterCtrlC(text: string): string {
  return inOneLine(text.slice(text.indexOf('^C') + 2).trim()).replace(/^acquire .*? ROIs\b.*?(?=Interrupted:)/, '');
}

function expectToFit(text: string, columns: number): void {
  for (const line of text.split('\r\n')) {
    expect(line.length, line).toBeLessThanOrEqual(Math.max(columns, longestWord(line)));
  }
}

/** A path or an id that is longer than the terminal is wide cannot be broken at a word. */
function longestWord(line: string): number {
  return Math.max(0, ...line.split(' ').map(({ length }) => length)) + 4;
}
