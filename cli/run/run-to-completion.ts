import { WorkflowNotFoundError } from '@temporalio/client';
import type { ResolvedRun } from '../../runtime/run/resolve-run.ts';
import type { ServerSession } from '../../runtime/session/server-session.ts';
import type { Summary } from '../../toolkit/report/summary.ts';
import { printStep } from '../output.ts';

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
