import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, it, onTestFinished } from 'vitest';
import { hasPartial, leftBehind } from '../support/chaos.ts';
import { until } from '../support/command.ts';
import { runHere } from '../support/command-here.ts';
import { suiteFolder } from '../support/in-temporary-folder.ts';
import { startServer, startWorkers } from '../support/serve-home.ts';
import { hasTerminal, typeInTerminal } from '../support/terminal.ts';
import { tinyProfile, writeTinyRecord } from '../support/tiny-record.ts';

const folder = suiteFolder();
const PROFILE = 'small.yaml';
const wordsOf = (results: string) => [
  ...['run', '--profile', PROFILE, '--tasks', 'he', '--data', 'data', '--results', results],
];
const place = (home: string) => ({ home: join(folder(), home), cwd: folder() });

beforeAll(async () => {
  const { served } = await writeTinyRecord(folder(), [{ name: 'patient1_he_roi1', width: 64, height: 49 }]);
  await writeFile(join(folder(), PROFILE), tinyProfile(served));
});

const LAST_WORDS = 'Interrupted: run the same command to resume; finished work is kept.';

it.skipIf(!hasTerminal)(
  'shows for an open run whether a process works on it, whether it is paused, and what to do; ends at Ctrl-C during an ROI',
  async () => {
    // A repetition of this test must not find the results of the first attempt.
    const attempt = randomUUID().slice(0, 8);
    const at = place(`home-${attempt}`);
    const words = wordsOf(`results-${attempt}`);
    const told = async () => {
      const [status, list] = [await runHere(['status'], at), await runHere(['list'], at)];
      const json = await runHere(['list', '--json'], at);
      const { status: state, paused } = JSON.parse(json.stdout).runs[0];
      return { status: status.stdout.split('\n')[0], list: list.stdout.trimEnd(), json: { state, paused } };
    };
    // Its ROI is in its middle as long as it takes to ask.
    const NODE_OPTIONS = `--import=${import.meta.resolve('../support/hold-images.mjs')}`;
    const HELD = join(folder(), `held-${attempt}`);
    await writeFile(`${HELD}-1`, '');
    const columns = 80;
    const open = typeInTerminal(words, { ...at, environment: { NODE_OPTIONS, HELD }, columns });
    await until(() => hasPartial(at.home), open.text);
    expect(await told()).toEqual({
      status: expect.stringMatching(/: running$/),
      list: expect.stringMatching(/ {2}running {6}reproduce\/\S+$/),
      json: { state: 'running', paused: false },
    });
    expect((await runHere(['pause'], at)).status).toBe(0);
    expect(await told()).toEqual({
      status: expect.stringMatching(/^(\S+): paused: run `npx reignite resume \1` to resume$/),
      list: expect.stringMatching(/ {2}paused .*run `npx reignite resume reproduce\/\S+` to resume$/),
      json: { state: 'running', paused: true },
    });
    expect((await runHere(['resume'], at)).status).toBe(0);
    open.pressCtrlC();
    const interrupted = await open.ended;
    expect(interrupted.status, interrupted.text).toBe(130);
    expect(wordsAfterCtrlC(interrupted.text)).toBe(LAST_WORDS);
    expectToFit(interrupted.text, columns);
    expect(leftBehind(at.home)).toEqual([]);
    // From here on, commands attach to a server, and to workers once the run may be resumed.
    onTestFinished(await startServer(at));
    expect(await told()).toEqual({
      status: expect.stringMatching(/: interrupted: run the same command to resume$/),
      list: expect.stringMatching(/ {2}interrupted {2}reproduce\/\S+ {2}run the same command to resume$/),
      json: { state: 'interrupted', paused: false },
    });
    await Promise.all(
      ['list', 'status'].map(async (command) => {
        const shown = await typeInTerminal([command], { ...at, columns: 40 }).ended;
        expect(inOneLine(shown.text)).toContain('run the same command to resume');
        expectToFit(shown.text, 40);
      }),
    );
    const verified = await runHere(['verify', '--json'], at);
    expect([verified.status, JSON.parse(verified.stdout).error.code]).toEqual([1, 'RUN_OPEN']);
    const byFolder = await runHere(['verify', `results-${attempt}`, '--json'], at);
    expect([byFolder.status, JSON.parse(byFolder.stdout).error.code]).toEqual([1, 'RUN_OPEN']);
    onTestFinished(await startWorkers(at));
    const ended = await runHere(words, at);
    expect(ended.status, ended.stderr).toBe(0);
    const retried = await runHere(['retry'], at);
    expect([retried.status, retried.stdout]).toEqual([0, expect.stringContaining('has no failures to retry')]);
    expect((await runHere(words, at)).status).toBe(0);
    const all = JSON.parse((await runHere(['list', '--all', '--json'], at)).stdout).runs;
    expect(all).toHaveLength(2);
    expect(all[0]).toMatchObject({ status: 'done', run: all[1].run, said: all[1].said });
    expect(all[1]).toMatchObject({ status: 'done', said: { he: expect.any(String) } });
    expect(JSON.parse((await runHere(['list', '--json'], at)).stdout).runs).toHaveLength(1);
  },
);

it.skipIf(!hasTerminal)(
  'shows on a narrow and a wide terminal which work waits for a worker, if none is started, and ends at Ctrl-C',
  async () => {
    const showsUnserved = async (columns: number) => {
      const at = place(`home-unserved-${columns}`);
      const session = typeInTerminal([...wordsOf(`results-unserved-${columns}`), '--no-workers'], { ...at, columns });
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
    await Promise.all([40, 200].map(showsUnserved));
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
