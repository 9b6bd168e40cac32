import { QUEUES } from '../../config/task-queues.ts';
import { summaryOf } from '../../runtime/run/describe-run.ts';
import { findRun, runInputOf } from '../../runtime/run/find-run.ts';
import type { ResolvedRun } from '../../runtime/run/resolve-run.ts';
import { startRun } from '../../runtime/run/start-run.ts';
import { withServer } from '../../runtime/session/with-server.ts';
import { workerSettingsOf } from '../../runtime/workers/worker-settings.ts';
import { homeFromEnvironment } from '../../toolkit/files/home-folders.ts';
import { RESUMABLE, STILL_RUNNING, whenInterrupted } from '../interruption.ts';
import { printStep } from '../output.ts';
import { followRun, tellOutcome } from './follow-run.ts';
import { withHomeServer } from './with-home-server.ts';

export interface KnownRun {
  readonly run: ResolvedRun;
  readonly isOpen: boolean;
  /** Whether it completed with every ROI: `retry` has nothing to do then. */
  readonly isWhole: boolean;
}

/** A run of the home with what it was started with. @throws ReigniteError RUN_NOT_FOUND. */
export async function knownRun(part: string | undefined, signal: AbortSignal): Promise<KnownRun> {
  return withHomeServer(signal, [], async ({ client }) => {
    const execution = await findRun(client, part);
    const input = await runInputOf(client, execution);
    const failures = Object.values((await summaryOf(execution))?.tasks ?? {}).map(({ rois }) => rois.failed);
    return {
      run: { id: execution.workflowId, input },
      isOpen: execution.status.name === 'RUNNING',
      isWhole: execution.status.name === 'COMPLETED' && failures.length > 0 && failures.every((count) => count === 0),
    };
  });
}

/**
 * Follows a run to its end, on a session of its own where no other command works on it, and tells the outcome.
 *
 * @param options.start - Whether it is started again first.
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
  whenInterrupted('Interrupted: the run has ended; `npx reignite status` shows how.');
  return tellOutcome(summary, run.input.folders.results, json);
}
