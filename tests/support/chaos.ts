import { readdirSync, readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import {
  type Command,
  type Ended,
  isAlive,
  type Place,
  runCommand,
  serverPidOf,
  startCommand,
  until,
  workersOf,
} from './command.ts';
import { randomNumbers } from './random-numbers.ts';

/** Faults to inject into a run. The process is looked up at that time; there is none if that part is not running. */
const FAULTS = [
  'kill inference',
  'kill orchestration',
  'kill server',
  'kill command',
  'kill everything',
  'terminate inference',
  'terminate orchestration',
  'terminate command',
  'pause and resume',
  'cancel and restart',
] as const;
type Fault = (typeof FAULTS)[number];

interface ScheduledFault {
  /** Whether to wait until the command works on its run; otherwise the fault hits it while it is starting. */
  readonly waits: boolean;
  /** Delay after that, in ms. */
  readonly afterMs: number;
  readonly fault: Fault;
}

/** Returns two to five faults, always the same for a seed; among ten consecutive seeds, each kind comes first once. */
export function chaosSchedule(seed: number): readonly ScheduledFault[] {
  const { share, below, oneOf } = randomNumbers(seed);
  const count = 2 + below(4);
  return Array.from({ length: count }, (_, index) => {
    const fault = index === 0 ? (FAULTS[seed % FAULTS.length] ?? 'kill everything') : oneOf(FAULTS);
    return { waits: share() < 0.8, afterMs: Math.floor(share() * share() * 8_000), fault };
  });
}

/** A run into which faults are injected, and which is restarted whenever it has ended. */
export interface StruckRun extends Place {
  /** Arguments of the command that starts and resumes it. */
  readonly words: readonly string[];
  readonly tell?: (line: string) => void;
}

/** The outcome of a run with faults: how its last command ended, and the output of all. */
export interface Survived extends Ended {
  /** Number of faults that found a process to hit. */
  readonly landed: number;
}

/** Injects faults into a run as scheduled, and follows it to its end. */
export async function injectFaults(run: StruckRun, schedule: readonly ScheduledFault[]): Promise<Survived> {
  let command = startCommand(run.words, run);
  let landed = 0;
  for (const { waits, afterMs, fault } of schedule) {
    if (waits) await isStarted(command);
    await Promise.race([sleep(afterMs), command.ended]);
    if (hasEnded(command)) break;
    run.tell?.(`${fault} after ${afterMs} ms`);
    if (await deal(fault, run, command)) landed += 1;
    if (STOPS_COMMAND.has(fault) && (await command.ended).status !== 0) command = startCommand(run.words, run);
  }
  const ended = await command.ended;
  return { ...ended, landed };
}

/** After these, the user runs the command again. */
const STOPS_COMMAND: ReadonlySet<Fault> = new Set([
  'kill command',
  'kill everything',
  'terminate command',
  'cancel and restart',
]);

async function deal(fault: Fault, run: StruckRun, command: Command): Promise<boolean> {
  const workers = workersOf(run.home);
  const server = await serverPidOf(run.home).catch(() => undefined);
  switch (fault) {
    case 'kill inference':
    case 'terminate inference':
      return send(signalOf(fault), workers['inference']);
    case 'kill orchestration':
    case 'terminate orchestration':
      return send(signalOf(fault), workers['orchestration']);
    case 'kill server':
      return send('SIGKILL', server);
    case 'kill command':
    case 'terminate command':
      return send(signalOf(fault), command.process.pid);
    case 'kill everything':
      return send('SIGKILL', command.process.pid, server, ...Object.values(workers));
    case 'pause and resume':
      return pauseAndResume(run, command);
    case 'cancel and restart':
      return cancel(run, command);
  }
}

function signalOf(fault: Fault): NodeJS.Signals {
  return fault.startsWith('kill') ? 'SIGKILL' : 'SIGTERM';
}

function send(signal: NodeJS.Signals, ...pids: readonly (number | undefined)[]): boolean {
  let landed = false;
  for (const pid of pids) {
    if (pid === undefined || !isAlive(pid)) continue;
    process.kill(pid, signal);
    landed = true;
  }
  return landed;
}

/** Pauses and resumes a run once it has started; kills leave no process stopped. */
async function pauseAndResume(run: StruckRun, command: Command): Promise<boolean> {
  if (!(await isStarted(command))) return false;
  const paused = await steer(run, 'pause', command);
  if (!paused) return false;
  await sleep(500);
  await until(async () => hasEnded(command) || (await steer(run, 'resume', command)), command.stderr);
  return true;
}

async function cancel(run: StruckRun, command: Command): Promise<boolean> {
  if (!(await isStarted(command))) {
    command.process.kill('SIGKILL');
    return true;
  }
  await until(async () => (await steer(run, 'cancel', command)) || hasEnded(command), command.stderr);
  return true;
}

/** @returns Whether the run accepted the request; it may have ended, or be in that state already. */
async function steer(run: StruckRun, how: string, command: Command): Promise<boolean> {
  const { status, stderr } = await runCommand([how], run);
  if (status !== 0) run.tell?.(`${how}: ${stderr.trim()}`);
  if (status === 0) return true;
  if (/USAGE|RUN_NOT_FOUND/.test(stderr)) return hasEnded(command) || /The run is not paused/.test(stderr);
  return false;
}

async function isStarted(command: Command): Promise<boolean> {
  const signal = AbortSignal.timeout(60_000);
  while (!signal.aborted && !hasEnded(command)) {
    if (/Started|Attached to/.test(command.stderr())) return true;
    await sleep(50);
  }
  return false;
}

function hasEnded({ process: { exitCode, signalCode } }: Command): boolean {
  return exitCode !== null || signalCode !== null;
}

/** Returns whether an ROI is in progress, with some of its rows done. */
export async function hasPartial(home: string): Promise<boolean> {
  const work = await readdir(join(home, 'work'), { recursive: true }).catch(() => []);
  return work.some((name) => name.endsWith('state.json'));
}

/** Returns the contents of `state.json` of each ROI in progress: it changes when a worker opens the ROI, and with its rows. */
export async function partialStates(home: string): Promise<ReadonlySet<string>> {
  const work = join(home, 'work');
  const names = (await readdir(work, { recursive: true }).catch(() => [])).filter((name) =>
    name.endsWith('state.json'),
  );
  // An ROI that is done meanwhile has none.
  return new Set(await Promise.all(names.map((name) => readFile(join(work, name), 'utf8').catch(() => ''))));
}

/** Finds every living process that was started for a state directory by its environment, whatever its parent. Linux only. */
export function leftBehind(home: string): readonly string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && name !== String(process.pid))
    .flatMap((pid) => {
      try {
        const isOurs = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(`REIGNITE_HOME=${home}`);
        const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
        return isOurs && words !== '' ? [`${pid} ${words}`] : [];
      } catch {
        return [];
      }
    });
}

const LogLine = z.object({
  time: z.string(),
  message: z.string(),
  stage: z.string().optional(),
  roi: z.string().optional(),
});

/** Returns the ROIs whose inference started after their result was cached, according to the workers' logs. */
export async function inferredTwice(home: string): Promise<readonly string[]> {
  const lines = (await readLogs(home)).sort((a, b) => (a.time < b.time ? -1 : 1));
  const committed = new Set<string>();
  const twice: string[] = [];
  for (const { message, stage, roi } of lines) {
    const what = `${stage} ${roi}`;
    if (message === 'inference is in the cache') committed.add(what);
    if (message === 'inference starts' && committed.has(what)) twice.push(what);
  }
  return twice;
}

/** Counts the ROIs that were stored in the cache. */
export async function commits(home: string): Promise<number> {
  return (await readLogs(home)).filter(({ message }) => message === 'inference is in the cache').length;
}

/** Counts how often workers began the inference of an ROI. */
export async function inferenceStarts(home: string): Promise<number> {
  return (await readLogs(home)).filter(({ message }) => message === 'inference starts').length;
}

async function readLogs(home: string): Promise<z.infer<typeof LogLine>[]> {
  const folder = join(home, 'logs');
  const names = (await readdir(folder)).filter((name) => name.startsWith('worker-'));
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')));
  return texts
    .flatMap((text) => text.split('\n'))
    .flatMap((line) => {
      try {
        return [LogLine.parse(JSON.parse(line))];
      } catch {
        return [];
      }
    });
}
