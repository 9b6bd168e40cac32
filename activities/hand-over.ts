import type { Context } from '@temporalio/activity';

/** How long a worker that lacks files keeps its slot, in ms, so that other workers take the waiting activities. */
const HOLD_MS = 5_000;
/** After this many hand-overs, no worker is assumed to have the files. */
const LAST_ATTEMPT = 30;

/** Keeps the slot of an activity that is handed over to another worker, for less than its heartbeat timeout. */
export function holdSlot(context: Context): Promise<void> {
  return context.sleep(Math.min(HOLD_MS, (context.info.heartbeatTimeoutMs ?? HOLD_MS) / 2));
}

/** Returns whether an activity was handed over so often that no worker is assumed to have its files. */
export function isLastHandOver({ info }: Context): boolean {
  return info.attempt >= LAST_ATTEMPT;
}
