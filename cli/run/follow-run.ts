import { QUEUES, type Queue, taskQueue } from '../../config/tasks.ts';
import type { ResolvedRun } from '../../runtime/run/resolve-run.ts';
import { RunHandle } from '../../runtime/run/run-handle.ts';
import type { RunProgress } from '../../runtime/run/run-progress.ts';
import { startRun } from '../../runtime/run/start-run.ts';
import { type ServerSession, watchOn, withServer } from '../../runtime/server/server-session.ts';
import { unservedQueues } from '../../runtime/workers/pollers.ts';
import { workerSettingsOf } from '../../runtime/workers/worker-settings.ts';
import { pause } from '../../toolkit/concurrency.ts';
import { homeFromEnvironment } from '../../toolkit/files/folders.ts';
import type { Summary } from '../../toolkit/report/summary.ts';
import { RESUMABLE, STILL_RUNNING, whenInterrupted } from '../interruption.ts';
import { areDetailsShown, EXIT, printResult, printStep } from '../output.ts';
import { openProgress } from './progress-display.ts';
import { runReport } from './run-report.ts';

/** Says that a run is paused, and how to resume it. */
export function pausedLine(run: string): string {
  return `The run is paused. Resume it with \`npx reignite resume ${run}\`.`;
}

/** Says that a paused run was resumed. */
export const RESUMED = 'The run was resumed.';

/** Maps a closed run to an exit status; failed ROIs take precedence over the verdict. */
export function exitStatusOf({ status, tasks }: Summary): number {
  if (status === 'failed' || status === 'cancelled') return EXIT.error;
  if (status === 'partial') return EXIT.partial;
  return Object.values(tasks).some(({ verdict }) => verdict === 'differs') ? EXIT.differs : EXIT.done;
}

/** Number of checks after which workers that were just started are polling. */
const PATIENT_LOOKS = 3;

export interface Look {
  /** Returns the queues that no worker serves at the moment; a busy worker counts as serving. */
  readonly look: () => Promise<readonly Queue[]>;
  readonly taskQueuePrefix: string;
  readonly onStep: (line: string) => void;
  /** Interval between two checks. */
  readonly lookMs: number;
}

/**
 * Warns about task queues without a worker, once per set of queues, until aborted: otherwise a run would wait forever
 * without a message.
 */
export async function warnUnpolledQueues(
  { look, taskQueuePrefix, onStep, lookMs }: Look,
  signal: AbortSignal,
): Promise<void> {
  let reported = '';
  let looks = 0;
  while (!signal.aborted) {
    const unserved = await look().catch((): readonly Queue[] => []);
    looks = unserved.length === 0 ? 0 : looks + 1;
    if (looks >= PATIENT_LOOKS && reported !== unserved.join()) {
      reported = unserved.join();
      onStep(unservedLine(taskQueuePrefix, unserved));
    }
    await pause(lookMs, signal);
  }
}

function unservedLine(prefix: string, unserved: readonly Queue[]): string {
  const names = unserved.map((queue) => taskQueue(prefix, queue)).join(', ');
  const own = prefix === 'reignite' ? '' : ` --set temporal.taskQueuePrefix=${prefix}`;
  const which = `${unserved.length === QUEUES.length ? '' : ` --queues ${unserved.join(',')}`}${own}`;
  return `No worker is polling ${names}; the run is waiting. Start one with \`npx reignite worker${which}\`.`;
}

/** Interval in ms between checks of the pollers; longer if this command starts the workers itself. */
const LOOK_MS = 4_000;
const OWN_WORKERS_LOOK_MS = 15_000;
const LOOK_WITHIN_MS = 2_000;

/**
 * Follows a run until it has closed.
 *
 * @returns Its summary.
 * @throws ReigniteError with the code that ended the run; FILE_MISSING if there is no summary.
 */
export async function followRun(
  session: ServerSession,
  { id, input }: ResolvedRun,
  signal: AbortSignal,
): Promise<Summary> {
  const { client, server } = session;
  tellRunPage(server, id);
  const display = openProgress();
  let wasPaused = false;
  const show = ({ stages, steps, paused }: RunProgress) => {
    if (paused !== wasPaused) printStep(paused ? pausedLine(id) : RESUMED);
    wasPaused = paused;
    display.show(stages, steps);
  };
  const run = new RunHandle({ session }, id, input.folders.results);
  await watchOn(session, signal, async (until) => {
    const over = new AbortController();
    const looking = AbortSignal.any([until, over.signal]);
    const prefix = input.config.temporal.taskQueuePrefix;
    const look = () =>
      client.connection.withDeadline(Date.now() + LOOK_WITHIN_MS, () =>
        unservedQueues(client, server.namespace, prefix, QUEUES),
      );
    const lookMs = session.owner ? OWN_WORKERS_LOOK_MS : LOOK_MS;
    const telling = warnUnpolledQueues({ look, lookMs, taskQueuePrefix: prefix, onStep: printStep }, looking);
    try {
      for await (const progress of run.progress(until)) show(progress);
    } finally {
      display.end();
      over.abort();
      await telling;
    }
  });
  return run.outcome();
}

/** Prints the outcome of a run, as text or as JSON; returns the exit status. */
export async function tellOutcome(summary: Summary, results: string, json: boolean): Promise<number> {
  if (json) printResult(JSON.stringify(summary, null, 1));
  else {
    printResult(await runReport(summary, results, areDetailsShown()));
    printStep('History: `npx reignite ui` prints the address of this run in the Temporal UI.');
  }
  return exitStatusOf(summary);
}

/** Prints the page of a run in the Temporal UI or, if the terminal is too narrow for the URL, how to open it. */
export function tellRunPage(
  { uiUrl, namespace }: Pick<ServerSession['server'], 'uiUrl' | 'namespace'>,
  id: string,
): void {
  if (uiUrl === undefined) return;
  const line = `Temporal UI: ${runPage(uiUrl, namespace, id)}`;
  const { isTTY, columns } = process.stderr;
  printStep(isTTY && line.length >= columns ? 'Temporal UI: open it with `npx reignite ui`' : line);
}

/** Returns the URL of a run's page in the Temporal UI. */
export function runPage(uiUrl: string, namespace: string, id: string): string {
  return `${uiUrl}/namespaces/${namespace}/workflows/${encodeURIComponent(id)}`;
}

/** Returns the URL of the list of runs in the Temporal UI, without child workflows. */
export function runsPage(uiUrl: string, namespace: string): string {
  return `${uiUrl}/namespaces/${namespace}/workflows?query=${encodeURIComponent('ParentWorkflowId is null')}`;
}

/**
 * Follows a run to its end and prints the outcome; opens its own server session if no other command works on it.
 *
 * @param options.start - Whether to start it again first.
 * @returns The exit status of the run.
 */
export async function followKnownRun(
  run: ResolvedRun,
  { start, json }: { readonly start: boolean; readonly json: boolean },
  signal: AbortSignal,
): Promise<number> {
  const settings = workerSettingsOf(run.input.config);
  const sessionOptions = { home: homeFromEnvironment(), settings, queues: QUEUES, onStep: printStep, signal };
  let toStart = start;
  const summary = await withServer(sessionOptions, async (session) => {
    whenInterrupted(session.owner ? RESUMABLE : STILL_RUNNING);
    if (toStart) await startRun(session.client, session.server, run, printStep);
    toStart = false;
    return followRun(session, run, signal);
  });
  whenInterrupted('Interrupted: the run has already ended. `npx reignite status` shows the outcome.');
  return tellOutcome(summary, run.input.folders.results, json);
}
