import { setTimeout as sleep } from 'node:timers/promises';

/** Marks a promise as handled: a rejection before its `await` does not end the process. */
export function markHandled(promise: Promise<unknown>): void {
  promise.catch(() => undefined);
}

/** Waits for `ms` milliseconds, or until `signal` is aborted. Never rejects. */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  await bestEffort(sleep(ms, undefined, signal === undefined ? {} : { signal }), 'an abort ends the waiting');
}

/**
 * Waits for `work` or for an abort of `signal`, whichever comes first, then stops listening.
 *
 * @throws The signal's reason; what `work` rejects with.
 */
export async function orAborted<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  signal.throwIfAborted();
  let onAbort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
  });
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/**
 * Waits for something that may fail without harm, such as the removal of what is no longer needed.
 *
 * @param _why - Why a failure does no harm; for the reader of the code.
 */
export async function bestEffort(promise: Promise<unknown>, _why: string): Promise<void> {
  await promise.catch(() => undefined);
}

/**
 * Runs `work` with a signal that aborts when no progress is reported for `stallMs`, also at the start. The limits of
 * the HTTP client do not cover a proxy that accepts a connection and stays silent.
 *
 * @param work - Calls `alive` on every sign of progress.
 * @throws Error "no progress for ... s"; the reason of `signal`; what `work` throws.
 */
export async function withStallLimit<T>(
  stallMs: number,
  signal: AbortSignal | undefined,
  work: (signal: AbortSignal, alive: () => void) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  const stalled = new AbortController();
  const timer = setTimeout(() => stalled.abort(new Error(`no progress for ${stallMs / 1000} s`)), stallMs);
  const combined = signal === undefined ? stalled.signal : AbortSignal.any([signal, stalled.signal]);
  // The limit also holds if the work ignores its signal, like a request that waits for its proxy.
  try {
    return await orAborted(
      work(combined, () => timer.refresh()),
      combined,
    );
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Works on items, at most `width` at a time. After a failure no further item is started, those in progress are
 * finished, and the first failure is thrown.
 *
 * @returns The results in the order of the items.
 * @throws The signal's reason when aborted.
 */
export async function mapConcurrent<Item, Result>(
  items: readonly Item[],
  width: number,
  signal: AbortSignal | undefined,
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = new Array(items.length);
  const queue = items.entries();
  const failures: unknown[] = [];
  const lane = async () => {
    for (const [index, item] of queue) {
      if (failures.length > 0) return;
      try {
        signal?.throwIfAborted();
        results[index] = await work(item);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, lane));
  if (failures.length > 0) throw failures[0];
  return results;
}
