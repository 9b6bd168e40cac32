import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { WorkflowNotFoundError } from '@temporalio/client';
import { z } from 'zod';
import { loadConfig } from '../../runtime/load-config.ts';
import { pinRecord, type ResolvedRun, resolveRun } from '../../runtime/run/resolve-run.ts';
import { startRun } from '../../runtime/run/start-run.ts';
import { type ServerSession, withServer } from '../../runtime/server/server-session.ts';
import { workerSettingsOf } from '../../runtime/workers/worker-settings.ts';
import { ERRORS, isErrorCode, ReigniteError } from '../../toolkit/errors.ts';
import {
  type HomeFolders,
  homeFromEnvironment,
  makeFolderSync,
  makePrivateHome,
  PRIVATE_FILE,
} from '../../toolkit/files/folders.ts';
import type { Summary } from '../../toolkit/report/summary.ts';
import { checkRunStorage } from '../../toolkit/storage/run-storage.ts';
import { RESUMABLE, STILL_RUNNING, whenInterrupted } from '../interruption.ts';
import { EXIT, printResult, printStep } from '../output.ts';
import { type PlanOptions, printPlan } from './plan.ts';

export interface RunOptions extends PlanOptions {
  readonly detach?: boolean;
  /** False with `--no-workers`: only use the workers of others. */
  readonly workers: boolean;
}

/**
 * `reignite run`: starts a run, or attaches to the open one with the same configuration, and waits until it has ended.
 *
 * @returns The exit status.
 */
export async function runCommand(options: RunOptions, signal: AbortSignal): Promise<number> {
  if (options.detach) return runDetached(options, signal);
  const teller = new ParentNotifier();
  try {
    return await runHere(options, teller, signal);
  } catch (error) {
    teller.failed(error);
    throw error;
  }
}

/** Detaches the run, and prints how to watch and end it. */
async function runDetached({ json }: RunOptions, signal: AbortSignal): Promise<number> {
  whenInterrupted('Interrupted: the background process was stopped as well. Run the same command to resume.');
  const { run, pid, log } = await detachRun(process.argv.slice(2), homeFromEnvironment(), signal);
  if (json) printResult(JSON.stringify({ run, pid, log }, null, 1));
  else {
    const lines = [
      run,
      `It continues in process ${pid}, which exits when the run ends. \`kill ${pid}\` stops it safely; run the same command to resume.`,
      `Watch it:   npx reignite watch ${run}`,
      `Cancel it:  npx reignite cancel ${run}`,
      `Log:        ${log}`,
    ];
    printResult(lines.join('\n'));
  }
  return EXIT.done;
}

async function runHere(options: RunOptions, teller: ParentNotifier, signal: AbortSignal): Promise<number> {
  whenInterrupted('Interrupted: no run was started.');
  const home = homeFromEnvironment();
  const config = await pinRecord(await loadConfig(options), home, printStep, signal);
  const run = resolveRun(config, home, options);
  await checkRunStorage(config, signal);
  const settings = workerSettingsOf(config);
  const queues = options.workers ? {} : { queues: [] };
  let fresh = options.fresh ?? false;
  if (config.zenodo.serveFrom === undefined) await printPlan(run, home, { fresh, signal }, printStep);
  const summary = await withServer({ home, settings, onStep: printStep, signal, ...queues }, (session) => {
    const start = async () => {
      whenInterrupted(session.owner ? RESUMABLE : STILL_RUNNING);
      const how = await startRun(session.client, session.server, run, printStep, { fresh });
      fresh = false;
      printStep(`${how === 'started' ? 'Started' : 'Attached to'} ${run.id}`);
      teller.started(run.id);
    };
    return runToCompletion(session, run, start, signal);
  });
  whenInterrupted('Interrupted: the run has already ended. `npx reignite status` shows the outcome.');
  const { tellOutcome } = await import('./follow-run.ts');
  return tellOutcome(summary, run.input.folders.results, options.json ?? false);
}

/**
 * Starts a run and follows it to its end; restarts it if the server lost its database.
 *
 * @param start - Starts the run, or attaches to the open one.
 * @throws What `start` and `followRun` throw.
 */
export async function runToCompletion(
  session: ServerSession,
  run: ResolvedRun,
  start: () => Promise<void>,
  signal: AbortSignal,
): Promise<Summary> {
  for (;;) {
    await start();
    // Loaded while the run is already working: its display needs a fifth of a second.
    const { followRun } = await import('./follow-run.ts');
    try {
      return await followRun(session, run, signal);
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError) || session.server.external) throw error;
      printStep('The Temporal database was lost. Restarting the run; finished work is reused from the cache.');
    }
  }
}

/**
 * Set for a background command that takes over a run: it reports the start to its parent, which does not wait for the
 * end.
 */
const VARIABLE = 'REIGNITE_DETACHED';

/** A message may arrive after its sender has ended. */
const LAST_WORD_MS = 500;

const StartMessage = z.union([
  z.object({ run: z.string() }),
  z.object({ code: z.string(), cause: z.string(), remedy: z.string() }),
]);

/** A run that continues without the command that started it. */
interface DetachedRun {
  readonly run: string;
  /** PID of the process that runs server and workers until the run has ended; SIGTERM stops it cleanly. */
  readonly pid: number;
  /** File for the output that `run` would print. */
  readonly log: string;
}

/**
 * Hands a run to a new process in its own session, which outlasts this command and its terminal. It runs the same
 * command without `--detach`. Returns once the run has started.
 *
 * @param words - The command line.
 * @throws ReigniteError Whatever prevents the run from starting.
 */
async function detachRun(words: readonly string[], home: HomeFolders, signal: AbortSignal): Promise<DetachedRun> {
  await makePrivateHome(home.home, printStep);
  makeFolderSync(home.logs);
  const log = join(home.logs, `run-${new Date().toISOString().replaceAll(/[:.]/g, '-')}.log`);
  const file = openSync(log, 'a', PRIVATE_FILE);
  const entry = process.argv[1] ?? '';
  const child = spawn(process.execPath, [...process.execArgv, entry, ...words.filter((word) => word !== '--detach')], {
    detached: true,
    stdio: ['ignore', file, file, 'ipc'],
    env: { ...process.env, [VARIABLE]: '1' },
  });
  closeSync(file);
  const stop = () => child.kill('SIGTERM');
  signal.addEventListener('abort', stop, { once: true });
  try {
    const message = await new Promise<z.infer<typeof StartMessage>>((resolve, reject) => {
      child.once('message', (value) => resolve(StartMessage.parse(value)));
      child.once('error', reject);
      child.once('exit', (code, by) => {
        const how = by ?? `status ${code}`;
        const lost = new ReigniteError(
          'WORKER_LOST',
          `The background process exited before the run started (${how}); see ${log}.`,
        );
        // Its last message may still be in transit.
        setTimeout(() => reject(lost), LAST_WORD_MS);
      });
    });
    signal.throwIfAborted();
    if ('run' in message) return { run: message.run, pid: child.pid ?? 0, log };
    throw new ReigniteError(isErrorCode(message.code) ? message.code : 'INTERNAL', message.cause, {
      remedy: message.remedy,
    });
  } finally {
    signal.removeEventListener('abort', stop);
    if (child.connected) child.disconnect();
    child.unref();
  }
}

/** Reports the start of a background command to its parent; does nothing in a command that the user typed. */
class ParentNotifier {
  readonly #isDetached = process.env[VARIABLE] !== undefined;
  #hasTold = false;

  constructor() {
    // Workers are not background commands.
    delete process.env[VARIABLE];
  }

  started(run: string): void {
    this.#notify({ run });
  }

  failed(error: unknown): void {
    const { code, cause, remedy } =
      error instanceof ReigniteError
        ? { code: error.code, cause: error.message, remedy: error.remedy }
        : { code: 'INTERNAL', cause: String(error), remedy: ERRORS.INTERNAL.remedy };
    this.#notify({ code, cause, remedy });
  }

  #notify(what: z.infer<typeof StartMessage>): void {
    if (!this.#isDetached || this.#hasTold) return;
    this.#hasTold = true;
    process.send?.(what, undefined, undefined, () => undefined);
  }
}
