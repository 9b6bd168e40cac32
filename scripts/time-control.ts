/**
 * Measures in seconds of wall time how fast a run reacts in the middle of an ROI, with the default settings of
 * `temporal`:
 *
 * - `reignite cancel`, from its start to its exit and to the close of the run: with the run undisturbed, with its
 *   inference worker killed, with everything but the embedded server killed, and on a shared server whose workers
 *   continue to run;
 * - SIGTERM of the inference worker: until its process is gone, and until the next attempt at the ROI has opened its
 *   rows.
 *
 * Each case interrupts one run repeatedly and lets it end: no committed step (a tile row with a fold) may be computed
 * again, and the results must equal those of an undisturbed run, bit for bit. Prints one line per case, then all as
 * JSON; the exit status is 1 if a time limit is missed. Linux.
 *
 * Usage: `node --import tsx scripts/time-control.ts [--times 5] [--case NAME]... [--provider cpu] [--side 2400]`; a smaller side
 * (px) for a provider that is slow.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { z } from 'zod';
import { leftBehind } from '../tests/support/chaos.ts';
import {
  type Command,
  isAlive,
  type Place,
  runCommand,
  startCommand,
  until,
  workersOf,
} from '../tests/support/command.ts';
import { digestsBelow } from '../tests/support/files-below.ts';
import { startTestServer } from '../tests/support/temporal.ts';
import { writeTinyRecord } from '../tests/support/tiny-record.ts';
import { stepsBefore } from '../toolkit/nnunet/sliding-window/sliding-window-ensemble.ts';
import { tileGrid } from '../toolkit/nnunet/sliding-window/tile-grid.ts';
import { SEARCH_ATTRIBUTES } from '../workflows/search-attributes.ts';

const PROMISED = ['inference', 'confidence', 'metrics', 'figures'];
/**
 * About 750 steps of 25 ms, on one thread. On a shared server, a cancellation reaches the worker with a heartbeat, 3 s
 * later.
 */
const SIDE = '2400';
const FOLDS = 5;
/** s */
const MARKS = { cancel: 10, terminate: 20 };
/** Shorter than a step, so that the state is seen as an attempt found it. */
const LOOK_MS = 5;

const State = z.object({ owner: z.string(), next: z.object({ row: z.number(), fold: z.number() }) });
const Listed = z.object({ runs: z.tuple([z.object({ status: z.string(), closed: z.string() })]) });

/** Seconds from the order to each of its effects, and the number of earlier committed steps that were computed again. */
interface Obeyed {
  readonly seconds: Readonly<Record<string, number>>;
  readonly stepsAgain: number;
}

interface Outcome {
  readonly name: string;
  /** s */
  readonly mark: number;
  readonly obeyed: readonly Obeyed[];
  readonly problems: readonly string[];
}

/** A case's folders and commands. */
interface Site extends Place {
  readonly name: string;
  readonly words: readonly string[];
}

interface Attempt {
  readonly owner: string;
  /** Number of finished steps. */
  readonly done: number;
}

const { values } = parseArgs({
  options: {
    times: { type: 'string', default: '5' },
    case: { type: 'string', multiple: true },
    provider: { type: 'string', default: 'cpu' },
    side: { type: 'string', default: SIDE },
  },
});
const roi = { name: 'patient1_he_roi1', width: Number(values.side), height: Number(values.side) };
const rows = tileGrid(roi, { height: 32, width: 32 }).rows.length;
const times = Number(values.times);
const cwd = await mkdtemp(join(tmpdir(), 'reignite-control-'));
const expected = await runUndisturbed();

const CASES: Readonly<Record<string, (name: string) => Promise<Outcome>>> = {
  cancel: (name) => measureCancel(siteOf(name)),
  'cancel, inference killed': (name) => measureCancel(siteOf(name), killInference),
  'cancel, all but the server killed': (name) => measureCancel(siteOf(name), killAllButServer),
  'cancel, shared server': onSharedServer,
  'terminate inference': (name) => measureTerminate(siteOf(name)),
};
const outcomes: Outcome[] = [];
for (const [name, measure] of Object.entries(CASES)) {
  if (values.case !== undefined && !values.case.includes(name)) continue;
  const outcome = await measure(name);
  outcomes.push(outcome);
  console.log(lineOf(outcome));
}
console.log(JSON.stringify({ times, provider: values.provider, roi, outcomes }));
if (outcomes.every(isGood)) await rm(cwd, { recursive: true, force: true });
else {
  console.log(`kept: ${cwd}`);
  process.exitCode = 1;
}

function siteOf(name: string, environment: Readonly<Record<string, string>> = {}, ...words: string[]): Site {
  const id = name.replaceAll(/\W+/g, '-');
  const folders = ['--data', `data-${id}`, '--results', `results-${id}`];
  return {
    name,
    cwd,
    home: join(cwd, `home-${id}`),
    environment,
    words: ['run', '--profile', 'slow.yaml', ...folders, ...words],
  };
}

function outputsOf({ words }: Site): Promise<Record<string, string>> {
  return digestsBelow(join(cwd, words[6] ?? ''), PROMISED);
}

async function runUndisturbed(): Promise<Record<string, string>> {
  await writeTinyRecord(cwd, [roi]);
  const profile = ['name: slow', 'record: "42"', 'tasks: [he]', `zenodo: { serveFrom: ${join(cwd, 'served')} }`];
  await writeFile(
    join(cwd, 'slow.yaml'),
    [...profile, `inference: { provider: ${values.provider}, threads: 1 }`].join('\n'),
  );
  const site = siteOf('calm');
  const { status, stderr } = await runCommand(site.words, site);
  if (status !== 0) throw new Error(`The undisturbed run failed: ${stderr}`);
  return outputsOf(site);
}

async function onSharedServer(name: string): Promise<Outcome> {
  const server = await startTestServer(SEARCH_ATTRIBUTES);
  const site = siteOf(name, { TEMPORAL_ADDRESS: server.address }, '--no-workers');
  const workers = startCommand(['worker', '--profile', 'slow.yaml'], site);
  try {
    return await measureCancel(site, undefined, () => workers.process.kill('SIGTERM'));
  } finally {
    workers.process.kill('SIGTERM');
    await workers.ended;
    await server.stop();
  }
}

/** Cancels a run in the middle of an ROI, resumes it, cancels it again, and finally lets it end. */
async function measureCancel(
  site: Site,
  strike: (site: Site, command: Command) => Promise<void> = async () => undefined,
  close: () => void = () => undefined,
): Promise<Outcome> {
  const obeyed: Obeyed[] = [];
  const problems: string[] = [];
  let last: Attempt | undefined;
  let seconds: Record<string, number> = {};
  for (let time = 0; time <= times; time++) {
    const command = startCommand(site.words, site);
    const attempt = await nextAttempt(site, last?.owner, command);
    if (last !== undefined) obeyed.push({ seconds, stepsAgain: Math.max(0, last.done - attempt.done) });
    if (time === times) problems.push(...(await problemsAtEnd(site, command, close)));
    else {
      await advanced(site, attempt, command);
      await strike(site, command);
      last = seen(site);
      seconds = await cancel(site, command, problems);
    }
  }
  return { name: site.name, mark: MARKS.cancel, obeyed, problems };
}

async function cancel(site: Site, command: Command, problems: string[]): Promise<Record<string, number>> {
  const typed = Date.now();
  const { status, stderr } = await runCommand(['cancel'], site);
  const exit = (Date.now() - typed) / 1_000;
  if (status !== 0) problems.push(`cancel: exit status ${status}: ${stderr}`);
  // Not before the command that runs the server has ended.
  await command.ended;
  const listed = await runCommand(['list', '--json'], site);
  const [run] = Listed.parse(JSON.parse(listed.stdout)).runs;
  if (run.status !== 'cancelled') problems.push(`the run is ${run.status}`);
  return { exit, closed: (Date.parse(run.closed) - typed) / 1_000 };
}

/** Terminates the inference worker in the middle of an ROI, and each of its successors, under one command. */
async function measureTerminate(site: Site): Promise<Outcome> {
  const command = startCommand(site.words, site);
  const obeyed: Obeyed[] = [];
  let attempt = await nextAttempt(site, undefined, command);
  for (let time = 0; time < times; time++) {
    await advanced(site, attempt, command);
    const worker = pidOf(site, 'inference');
    const before = seen(site);
    const sent = performance.now();
    process.kill(worker, 'SIGTERM');
    const since = () => (performance.now() - sent) / 1_000;
    const [gone, next] = await Promise.all([
      until(() => !isAlive(worker), command.stderr).then(since),
      nextAttempt(site, before.owner, command).then((found) => ({ found, seconds: since() })),
    ]);
    attempt = next.found;
    obeyed.push({ seconds: { gone, resumed: next.seconds }, stepsAgain: Math.max(0, before.done - attempt.done) });
  }
  return { name: site.name, mark: MARKS.terminate, obeyed, problems: await problemsAtEnd(site, command) };
}

async function problemsAtEnd(site: Site, command: Command, close: () => void = () => undefined): Promise<string[]> {
  const { status, stderr } = await command.ended;
  close();
  const problems = status === 0 ? [] : [`exit status ${status}: ${stderr}`];
  if (!isDeepStrictEqual(await outputsOf(site), expected)) problems.push('the results differ');
  await until(
    () => leftBehind(site.home).length === 0,
    () => leftBehind(site.home).join('\n'),
  );
  return problems;
}

async function killInference(site: Site): Promise<void> {
  process.kill(pidOf(site, 'inference'), 'SIGKILL');
}

async function killAllButServer(site: Site, command: Command): Promise<void> {
  // The command first: it would restart its workers.
  command.process.kill('SIGKILL');
  for (const pid of Object.values(workersOf(site.home))) process.kill(pid, 'SIGKILL');
  await command.ended;
}

function pidOf({ home }: Site, queue: string): number {
  const pid = workersOf(home)[queue];
  if (pid === undefined) throw new Error(`No worker serves ${queue}.`);
  return pid;
}

/** Waits until an owner other than `before` has opened the ROI's rows. */
async function nextAttempt(site: Site, before: string | undefined, command: Command): Promise<Attempt> {
  for (const deadline = Date.now() + 120_000; Date.now() < deadline; await sleep(LOOK_MS)) {
    if (command.process.exitCode !== null) throw new Error('The run ended before it was struck: make its ROI larger.');
    const now = look(site);
    if (now !== undefined && now.owner !== before) return now;
  }
  throw new Error(`No attempt at the ROI began:\n${command.stderr()}`);
}

/** Waits until an attempt has committed something, and is in the middle of the next step. */
async function advanced(site: Site, { done }: Attempt, command: Command): Promise<void> {
  await until(() => seen(site).done >= done + 5, command.stderr);
}

function seen(site: Site): Attempt {
  const now = look(site);
  if (now === undefined) throw new Error('The ROI ended before it was struck: make it larger.');
  return now;
}

function look({ home }: Site): Attempt | undefined {
  try {
    const [key = ''] = readdirSync(join(home, 'work'));
    const text = readFileSync(join(home, 'work', key, 'partial', 'state.json'), 'utf8');
    const { owner, next } = State.parse(JSON.parse(text));
    return { owner, done: [...stepsBefore(next, rows, FOLDS)].length };
  } catch {
    return undefined;
  }
}

function isGood({ mark, obeyed, problems }: Outcome): boolean {
  return (
    problems.length === 0 &&
    obeyed.length === times &&
    obeyed.every(({ seconds, stepsAgain }) => stepsAgain === 0 && Object.values(seconds).every((each) => each <= mark))
  );
}

function lineOf(outcome: Outcome): string {
  const { name, mark, obeyed, problems } = outcome;
  const figures = Object.keys(obeyed[0]?.seconds ?? {}).map((what) => {
    const each = obeyed.map(({ seconds }) => (seconds[what] ?? Number.NaN).toFixed(1));
    return `${what} ${each.join(' ')} s`;
  });
  const again = `committed steps computed again: ${obeyed.map(({ stepsAgain }) => stepsAgain).join(' ')}`;
  return [`${isGood(outcome) ? 'ok' : 'FAILED'} ${name} (at most ${mark} s)`, ...figures, again, ...problems].join(
    '; ',
  );
}
