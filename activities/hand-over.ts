import { Context } from '@temporalio/activity';
import { ReigniteError } from '../toolkit/errors.ts';

/** How long a worker that lacks files keeps its slot, in ms, so that other workers take the waiting activities. */
const HOLD_MS = 5_000;
/** After this many hand-overs, no worker is assumed to have the files. */
const LAST_ATTEMPT = 30;
/**
 * How long a worker that computes on another provider than the run keeps an ROI, in ms. While it does, it takes no
 * further one, and workers that can compute them find them in the queue.
 */
const HOLD_UNSUITABLE_MS = 30_000;
/** After this many attempts, about half an hour, no worker is assumed to have the provider of the run. */
export const LAST_SUITABLE_ATTEMPT = 60;
const GIVE_BACK_MS = 1_000;

/** Keeps the slot of an activity that is handed over to another worker, for less than its heartbeat timeout. */
export function holdSlot(context: Context): Promise<void> {
  return context.sleep(Math.min(HOLD_MS, (context.info.heartbeatTimeoutMs ?? HOLD_MS) / 2));
}

/** Returns whether an activity was handed over so often that no worker is assumed to have its files. */
export function isLastHandOver({ info }: Context): boolean {
  return info.attempt >= LAST_ATTEMPT;
}

/**
 * Runs a network, or hands the activity over: workers on one queue may have different processors and GPUs, and an ROI must
 * not fail because a worker took it that lacks what the run was planned for.
 *
 * @throws ReigniteError WORKER_UNSUITABLE, which is retryable, in place of PROVIDER_UNAVAILABLE; at the last attempt
 *   PROVIDER_UNAVAILABLE.
 */
export async function orToSuitableWorker<Result>(step: () => Promise<Result>): Promise<Result> {
  try {
    return await step();
  } catch (error) {
    if (!(error instanceof ReigniteError) || error.code !== 'PROVIDER_UNAVAILABLE') throw error;
    const context = Context.current();
    if (context.info.attempt >= LAST_SUITABLE_ATTEMPT) throw error;
    context.log.warn(error.message);
    await context.sleep(HOLD_UNSUITABLE_MS);
    throw new ReigniteError('WORKER_UNSUITABLE', error.message, { cause: error, retryAfterMs: GIVE_BACK_MS });
  }
}
