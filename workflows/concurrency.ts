import { CancellationScope, isCancellation } from '@temporalio/workflow';

/**
 * Runs `work` on all items at the same time. If one fails, the others are cancelled and awaited, so that nothing is
 * written after the error.
 *
 * @returns The results in the order of the items.
 * @throws The first failure.
 */
export async function allOrCancel<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const scope = new CancellationScope();
  return scope.run(async () => {
    const running = items.map(work);
    try {
      return await Promise.all(running);
    } catch (error) {
      scope.cancel();
      await Promise.allSettled(running);
      throw error;
    }
  });
}

/**
 * Runs `work` on all items, at most `width` at a time, and continues after failures.
 *
 * @returns One settled result per item, in the order of the items.
 * @throws The cancellation of the workflow: a cancelled run is not a failed item.
 */
export async function mapSettledConcurrent<Item, Result>(
  items: readonly Item[],
  width: number,
  work: (item: Item, index: number) => Promise<Result>,
): Promise<PromiseSettledResult<Result>[]> {
  const results: PromiseSettledResult<Result>[] = new Array(items.length);
  const queue = items.entries();
  const lane = async () => {
    for (const [index, item] of queue) {
      const [settled] = await Promise.allSettled([work(item, index)]);
      if (settled.status === 'rejected' && isCancellation(settled.reason)) throw settled.reason;
      results[index] = settled;
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, lane));
  return results;
}

/** Marks a promise as handled: a rejection before its `await` does not fail the workflow task. */
export function markHandled<Result>(promise: Promise<Result>): Promise<Result> {
  promise.catch(() => undefined);
  return promise;
}
