import type { Queue } from '../../config/tasks.ts';
import { pause } from '../../toolkit/concurrency.ts';

export interface ServeOrphanedQueuesOptions {
  /** The queues that no worker serves at the moment: one that is busy serves. */
  readonly look: () => Promise<readonly Queue[]>;
  /** Serves them from now on; those that are served already stay as they are. */
  readonly serve: (queues: readonly Queue[]) => void;
  /** Between two looks. */
  readonly lookMs: number;
}

/**
 * Takes over the queues whose workers have gone, until aborted: those of others on a shared server may have been
 * polling for the last time when a run began. A queue has to be found orphaned twice, as a worker that is started again
 * is away for a moment.
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
