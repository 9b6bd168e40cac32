import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { compiledFile } from '../../config/package-files.ts';

const ENTRY = fileURLToPath(new URL('../../bin/reignite.js', import.meta.url));

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A `reignite` command in a separate process, as a user runs it. */
export interface Command {
  readonly process: ChildProcess;
  stderr(): string;
  readonly ended: Promise<Ended>;
  /** Waits until stderr shows `text`. */
  shows(text: string | RegExp): Promise<void>;
}

export interface Place {
  readonly home: string;
  /** Current folder of the command. */
  readonly cwd: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** The command's entry file. Default: that of this checkout. */
  readonly entry?: string;
}

export function startCommand(words: readonly string[], { home, cwd, environment = {}, entry = ENTRY }: Place): Command {
  const child = spawn(process.execPath, [entry, ...words], {
    cwd,
    env: { ...process.env, REIGNITE_HOME: home, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (status) => resolve({ status, stdout, stderr }));
  });
  return {
    process: child,
    stderr: () => stderr,
    ended,
    async shows(text) {
      await until(
        () => (typeof text === 'string' ? stderr.includes(text) : text.test(stderr)),
        () => stderr,
      );
    },
  };
}

export function runCommand(words: readonly string[], place: Place): Promise<Ended> {
  return startCommand(words, place).ended;
}

/** Polls until the condition holds; the error contains what was seen instead. The limit only guards against hanging. */
export async function until(isSo: () => boolean | Promise<boolean>, seen: () => string = () => ''): Promise<void> {
  const deadline = Date.now() + 300_000;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`Waited in vain; seen:\n${seen()}`);
    await sleep(50);
  }
}

/** Returns the PIDs of a state directory's workers, by the first queue that they serve. Linux only. */
export function workersOf(home: string): Record<string, number> {
  const found: Record<string, number> = {};
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const variables = environmentOf(pid);
    if (variables.get('REIGNITE_HOME') !== home) continue;
    const settings = variables.get('REIGNITE_WORKER');
    // A worker's own child processes inherit its environment.
    if (settings !== undefined && isWorker(pid)) found[JSON.parse(settings).queues[0]] = Number(pid);
  }
  return found;
}

export async function serverPidOf(home: string): Promise<number> {
  return JSON.parse(await readFile(join(home, 'temporal', 'server.json'), 'utf8')).pid;
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function isWorker(pid: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(compiledFile('worker-process.ts'));
  } catch {
    return false;
  }
}

function environmentOf(pid: string): Map<string, string> {
  try {
    const pairs = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
    return new Map(pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]));
  } catch {
    return new Map();
  }
}
