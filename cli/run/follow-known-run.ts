import { QUEUES } from '../../config/task-queues.ts';
import { homeFromEnvironment } from '../../toolkit/files/home-folders.ts';
import { RESUMABLE, STILL_RUNNING, whenInterrupted } from '../interruption.ts';
import { printStep } from '../output.ts';
import { workerSettingsOf } from '../worker-settings.ts';
import { summaryOf } from './describe-run.ts';
import { findRun, runInputOf } from './find-run.ts';
import { followRun, tellOutcome } from './follow-run.ts';
import { onHomePlatform } from './home-platform.ts';
import { onPlatform } from './on-platform.ts';
import type { ResolvedRun } from './resolve-run.ts';
import { startRun } from './start-run.ts';

export interface KnownRun {
  readonly run: ResolvedRun;
  readonly isOpen: boolean;
  /** Whether it completed with every ROI: `retry` has nothing to do then. */
  readonly isWhole: boolean;
}

/** A run of the home with what it was started with. @throws ReigniteError RUN_NOT_FOUND. */
export async function knownRun(part: string | undefined, signal: AbortSignal): Promise<KnownRun> {
  return onHomePlatform(signal, [], async ({ client }) => {
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
 * Follows a run to its end, on a platform of its own where no other command works on it, and tells the outcome.
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
  const platformOptions = { home: homeFromEnvironment(), settings, queues: QUEUES, onStep: printStep, signal };
  let toStart = start;
  const summary = await onPlatform(platformOptions, async (platform) => {
    whenInterrupted(platform.owner ? RESUMABLE : STILL_RUNNING);
    if (toStart) await startRun(platform.client, platform.server, run, printStep);
    toStart = false;
    return followRun(platform, run, signal);
  });
  whenInterrupted('Interrupted: the run has ended; `npx reignite status` shows how.');
  return tellOutcome(summary, run.input.folders.results, json);
}
