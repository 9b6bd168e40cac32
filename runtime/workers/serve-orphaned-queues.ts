import type { Queue } from '../../config/tasks.ts';
import { pause } from '../../toolkit/concurrency.ts';

export interface ServeOrphanedQueuesOptions {
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
