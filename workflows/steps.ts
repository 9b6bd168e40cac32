import {
  type ActivityOptions,
  CancellationScope,
  isCancellation,
  proxyActivities,
  proxyLocalActivities,
} from '@temporalio/workflow';
import type { DownloadActivities } from '../activities/acquire/download.ts';
import type { InferenceActivities } from '../activities/inference.ts';
import type { OrchestrationActivities } from '../activities/orchestration.ts';
import type { RenderActivities } from '../activities/render.ts';
import type { RunConfig } from '../config/schema.ts';
import { type Queue, taskQueue } from '../config/tasks.ts';

type Settings = RunConfig['temporal'];

/**
 * Activities that make progress are retried without limit; each attempt resumes from what the last one saved. Errors
 * that would occur again are not retryable and end the activity at once. A cancelled run does not wait for activities
 * of workers that may be dead: what they still write does no harm, and the next attempt can take over.
 */
function optionsOf(settings: Settings, queue: Queue): ActivityOptions {
  return {
    taskQueue: taskQueue(settings.taskQueuePrefix, queue),
    startToCloseTimeout: '7 days',
    heartbeatTimeout: `${settings.heartbeatSeconds} seconds`,
    cancellationType: 'TRY_CANCEL',
    retry: {
      initialInterval: `${settings.retrySeconds} seconds`,
      backoffCoefficient: 2,
      maximumInterval: '100 seconds',
    },
  };
}

export const downloads = (settings: Settings) => proxyActivities<DownloadActivities>(optionsOf(settings, 'download'));
export const inference = (settings: Settings) => proxyActivities<InferenceActivities>(optionsOf(settings, 'inference'));
export const renderActivities = (settings: Settings) =>
  proxyActivities<RenderActivities>(optionsOf(settings, 'render'));

/** Short activities on the workflows' queue. */
export const orchestrationActivities = (settings: Settings) =>
  proxyActivities<Pick<OrchestrationActivities, 'openResults' | 'writeSummary' | 'noteVerdicts'>>({
    ...optionsOf(settings, 'orchestration'),
    startToCloseTimeout: '2 minutes',
  });

/** Activities that read the results of all others, which takes minutes for 100,000 ROIs. */
export const aggregationActivities = (settings: Settings) =>
  proxyActivities<Pick<OrchestrationActivities, 'writeTrace' | 'writePrediction'>>(
    optionsOf(settings, 'orchestration'),
  );

export const { readBatch, readImages } = proxyLocalActivities<
  Pick<OrchestrationActivities, 'readBatch' | 'readImages'>
>({
  startToCloseTimeout: '1 minute',
});

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
