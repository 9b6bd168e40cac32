import { WorkflowNotFoundError } from '@temporalio/client';
import type { Summary } from '../../toolkit/report/summary.ts';
import { printStep } from '../output.ts';
import { followRun } from './follow-run.ts';
import type { Platform } from './platform.ts';
import type { ResolvedRun } from './resolve-run.ts';

/**
 * Starts a run and follows it to its end; once more where the server's database went away under it.
 *
 * @param start - Starts the run, or attaches to the one that is open.
 * @throws What `start` and `followRun` throw.
 */
export async function seeThrough(
  platform: Platform,
  run: ResolvedRun,
  start: () => Promise<void>,
  signal: AbortSignal,
): Promise<Summary> {
  for (;;) {
    await start();
    try {
      return await followRun(platform, run, signal);
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError) || platform.server.external) throw error;
      printStep('The server has lost the run together with its database: it is begun anew, from the cache.');
    }
  }
}
