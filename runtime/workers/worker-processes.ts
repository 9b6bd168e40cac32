import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, openSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { compiledFile } from '../../config/package-files.ts';
import type { TelemetryConfig } from '../../config/schema.ts';
import type { Queue } from '../../config/tasks.ts';
import { markHandled, pause } from '../../toolkit/concurrency.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import { type HomeFolders, makeFolderSync, PRIVATE_FILE } from '../../toolkit/files/folders.ts';
import { cudaEnvironment } from '../../toolkit/onnx/provider/cuda.ts';
import { endWithCommand, forgetProcess } from '../child-processes.ts';
import { parseServerAddress, type ServerAddress } from '../server/connection.ts';
import { settingsToEnvironment, type WorkerSettings } from './worker-settings.ts';

/** Number of logs kept per kind of worker, newest first. */
const KEPT = 20;
/** A process may log little and still run, so recently written logs are kept too. */
const RECENT_MS = 7 * 24 * 3_600_000;

/** `worker-inference-20261129T003000-ab12cd.log`: names sort by start time. */
const NAME = /^worker-(.+)-\d{8}T\d{6}-[0-9a-f]{6}\.log$/;

/**
 * Opens the log of one worker process and removes old logs of the same kind.
 *
 * @param logs - Folder of the logs; must exist.
 * @param queue - The first queue that the process serves.
 * @returns Its path, and a file descriptor to be closed.
 */
export function openWorkerLog(logs: string, queue: string): { readonly path: string; readonly descriptor: number } {
  sweepWorkerLogs(logs, queue);
  const started = new Date().toISOString().replaceAll(/[-:]|\.\d+Z$/g, '');
  const path = join(logs, `worker-${queue}-${started}-${randomBytes(3).toString('hex')}.log`);
  return { path, descriptor: openSync(path, 'wx', PRIVATE_FILE) };
}

function sweepWorkerLogs(logs: string, queue: string): void {
  const names = readdirSync(logs).filter((name) => NAME.exec(name)?.[1] === queue);
  const surplus = names.sort().slice(0, Math.max(0, names.length - (KEPT - 1)));
  for (const name of surplus) {
    const path = join(logs, name);
    const written = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    if (Date.now() - written > RECENT_MS) rmSync(path, { force: true });
  }
}

/** Queues that share a process. Inference has its own: a crash in native code costs only one attempt at one ROI. */
const PROCESSES: readonly (readonly Queue[])[] = [['orchestration', 'download', 'render'], ['inference']];

/**
 * Planning and summing a large run creates millions of short-lived objects. With a larger young generation (MB per
 * half), the collector scans the long-lived ones less often.
 */
const YOUNG_GENERATION_FLAGS = ['--max-semi-space-size=64'];

const RESTART_MS = 500;
const MAX_RESTART_MS = 30_000;
/** A worker that exits this many times before it was ever ready is not restarted again. */
const MAX_FAILED_STARTS = 5;
const STOP_WITHIN_MS = 20_000;

export interface WorkerProcessesOptions {
  readonly home: HomeFolders;
  /** May be a promise for a server that is still starting: the processes load their code meanwhile. */
  readonly server: ServerAddress | Promise<ServerAddress>;
  readonly settings: Omit<WorkerSettings, 'queues'>;
  /** Queues to serve from the start. */
  readonly queues: readonly Queue[];
  readonly onStep: (line: string) => void;
  /** Aborted when the command is interrupted: Ctrl-C reaches the workers too, and those that end are not restarted. */
  readonly signal?: AbortSignal | undefined;
}

/** What one process serves, and its telemetry settings. */
interface ProcessGroup {
  readonly queues: readonly Queue[];
  readonly telemetry: TelemetryConfig;
  /** Called whenever a process of the group has started serving. */
  readonly onReady: () => void;
}

/** Gives each process of a command its own metrics port. */
function telemetryOf(telemetry: TelemetryConfig, place: number): TelemetryConfig {
  const { metricsPort } = telemetry;
  return { ...telemetry, metricsPort: metricsPort === 0 ? 0 : metricsPort + place };
}

/** The worker processes of one command: started and restarted as needed, and ended with the command. */
export class WorkerProcesses {
  readonly #options: WorkerProcessesOptions;
  readonly #children = new Map<string, ChildProcess>();
  readonly #served = new Set<Queue>();
  readonly #ready: Promise<void>[] = [];
  #groups = 0;
  #stopping = false;
  #fail: (error: Error) => void = () => undefined;
  /** Rejects when a worker cannot be kept alive. */
  readonly failed: Promise<never>;

  constructor(options: WorkerProcessesOptions) {
    this.#options = options;
    this.failed = new Promise((_resolve, reject) => {
      this.#fail = reject;
    });
    markHandled(this.failed);
    makeFolderSync(options.home.logs);
    this.serve(options.queues);
  }

  /** Starts processes for those of `queues` that this command does not serve yet, and returns these. */
  serve(queues: readonly Queue[]): readonly Queue[] {
    const unserved = queues.filter((queue) => !this.#served.has(queue));
    for (const queue of unserved) this.#served.add(queue);
    const groups = PROCESSES.map((shared) => shared.filter((queue) => unserved.includes(queue)));
    for (const group of groups.filter(({ length }) => length > 0)) {
      const telemetry = telemetryOf(this.#options.settings.telemetry, this.#groups++);
      this.#ready.push(new Promise((onReady) => this.#start({ queues: group, telemetry, onReady }, 0)));
    }
    return unserved;
  }

  /** Resolves when all processes started so far are serving; immediately if there are none. */
  async ready(): Promise<void> {
    await Promise.all(this.#ready);
  }

  /** PIDs by the first queue that the process serves. */
  pids(): Record<string, number> {
    return Object.fromEntries(
      [...this.#children].flatMap(([name, { pid }]) => (pid === undefined ? [] : [[name, pid]])),
    );
  }

  /** Stops all workers and waits until they have exited. */
  async stop(): Promise<void> {
    this.#stopping = true;
    const withinMs = STOP_WITHIN_MS + (this.#options.settings.drainSeconds ?? 0) * 1_000;
    await Promise.all([...this.#children.values()].map((child) => endChild(child, withinMs)));
  }

  #isStopping(): boolean {
    return this.#stopping || this.#options.signal?.aborted === true;
  }

  #start(group: ProcessGroup, fruitless: number): void {
    const { queues, telemetry, onReady } = group;
    const { home, server, settings, onStep } = this.#options;
    const name = queues[0] ?? '';
    const { path, descriptor: log } = openWorkerLog(home.logs, name);
    const child = fork(compiledFile('worker-process.ts'), {
      execArgv: queues.includes('orchestration') ? YOUNG_GENERATION_FLAGS : [],
      stdio: ['ignore', log, log, 'ipc'],
      env: {
        // Settings for full float32 on NVIDIA GPUs and the paths of CUDA libraries are read when the process starts.
        ...cudaEnvironment(),
        REIGNITE_HOME: home.home,
        ...settingsToEnvironment({ ...settings, telemetry, queues: [...queues] }),
      },
    });
    closeSync(log);
    this.#children.set(name, child);
    endWithCommand(child.pid);
    void sendAddress(child, server);
    let ready = false;
    child.on('message', () => {
      ready = true;
      onReady();
    });
    child.once('exit', (code, signal) => {
      this.#children.delete(name);
      forgetProcess(child.pid);
      if (this.#isStopping()) return;
      const attempts = ready ? 0 : fruitless + 1;
      const how = signal ?? `status ${code}`;
      if (attempts >= MAX_FAILED_STARTS) {
        this.#fail(
          new ReigniteError('WORKER_LOST', `The ${name} worker exited ${attempts} times (${how}); see ${path}.`),
        );
        return;
      }
      onStep(`The ${name} worker exited (${how}). Restarting it.`);
      const wait = Math.min(RESTART_MS * 2 ** attempts, MAX_RESTART_MS);
      setTimeout(() => {
        if (!this.#isStopping()) this.#start(group, attempts);
      }, wait).unref();
    });
  }
}

/** Sends the server's address to a worker, which waits for it. If the server fails to start, the workers are stopped. */
async function sendAddress(child: ChildProcess, server: ServerAddress | Promise<ServerAddress>): Promise<void> {
  try {
    const address = parseServerAddress(await server);
    // A child that has ended in the meantime is restarted, with its own message.
    if (child.connected) child.send(address, () => undefined);
  } catch {
    // The command that starts the server reports it.
  }
}

function endChild(child: ChildProcess, withinMs: number): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    const last = setTimeout(() => child.kill('SIGKILL'), withinMs);
    child.once('exit', () => {
      clearTimeout(last);
      resolve();
    });
    if (child.connected) child.disconnect();
    else child.kill('SIGTERM');
  });
}

interface ServeOrphanedQueuesOptions {
  /** Returns the queues that no worker serves at the moment; a busy worker counts as serving. */
  readonly look: () => Promise<readonly Queue[]>;
  /** Starts serving these queues; those already served are not affected. */
  readonly serve: (queues: readonly Queue[]) => void;
  /** Interval between two checks. */
  readonly lookMs: number;
}

/**
 * Takes over queues whose workers have gone, until aborted: workers on a shared server may have ended just after a run
 * started. A queue must be found orphaned twice, since a restarting worker is briefly absent.
 */
export async function serveOrphanedQueues(
  { look, serve, lookMs }: ServeOrphanedQueuesOptions,
  signal: AbortSignal,
): Promise<void> {
  let before: readonly Queue[] = [];
  for (;;) {
    await pause(lookMs, signal);
    if (signal.aborted) return;
    const now = await look().catch((): readonly Queue[] => []);
    const orphaned = now.filter((queue) => before.includes(queue));
    if (orphaned.length > 0 && !signal.aborted) serve(orphaned);
    before = now;
  }
}
