import { type ActivityOptions, proxyActivities, proxyLocalActivities } from '@temporalio/workflow';
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
