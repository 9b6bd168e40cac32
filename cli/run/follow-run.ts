import { QUEUES } from '../../config/task-queues.ts';
import type { ResolvedRun } from '../../runtime/run/resolve-run.ts';
import { RunHandle } from '../../runtime/run/run-handle.ts';
import type { RunProgress } from '../../runtime/run/run-progress.ts';
import type { ServerSession } from '../../runtime/session/server-session.ts';
import { watchOn } from '../../runtime/session/with-server.ts';
import { unservedQueues } from '../../runtime/workers/unserved-queues.ts';
import type { Summary } from '../../toolkit/report/summary.ts';
import { printResult, printStep } from '../output.ts';
import { exitStatusOf } from './exit-status.ts';
import { ProgressLines } from './progress-lines.ts';
import { runReport } from './run-report.ts';
import { tellUnserved } from './tell-unserved.ts';

/** Who polls the queues is asked so often; seldom where this command starts the workers itself. */
const LOOK_MS = 4_000;
const OWN_WORKERS_LOOK_MS = 15_000;
const LOOK_WITHIN_MS = 2_000;

/**
 * Watches a run until it has closed.
 *
 * @returns Its summary.
 * @throws ReigniteError with the code that ended the run; FILE_MISSING without a summary.
 */
export async function followRun(
  session: ServerSession,
  { id, input }: ResolvedRun,
  signal: AbortSignal,
): Promise<Summary> {
  const { client, server } = session;
  if (server.uiUrl !== undefined) printStep(`Temporal UI: ${runPage(server.uiUrl, server.namespace, id)}`);
  const lines = new ProgressLines(printStep);
  let wasPaused = false;
  const show = ({ stages, paused }: RunProgress) => {
    if (paused && !wasPaused) printStep('The run is paused: `npx reignite resume` goes on.');
    if (!paused && wasPaused) printStep('The run goes on.');
    wasPaused = paused;
    lines.show(stages);
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
    const telling = tellUnserved({ look, lookMs, taskQueuePrefix: prefix, onStep: printStep }, looking);
    try {
      for await (const progress of run.progress(until)) show(progress);
    } finally {
      over.abort();
      await telling;
    }
  });
  return run.outcome();
}

/** Tells how a run ended, as a person or as a program wants it; returns the exit status. */
export async function tellOutcome(summary: Summary, results: string, json: boolean): Promise<number> {
  if (json) printResult(JSON.stringify(summary, null, 1));
  else {
    printResult(await runReport(summary, results));
    printStep('History: `npx reignite ui` opens this run in the Temporal UI.');
  }
  return exitStatusOf(summary);
}

/** Address of a run's page in the Temporal UI. */
export function runPage(uiUrl: string, namespace: string, id: string): string {
  return `${uiUrl}/namespaces/${namespace}/workflows/${encodeURIComponent(id)}`;
}
