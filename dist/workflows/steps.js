import { proxyActivities, proxyLocalActivities } from '@temporalio/workflow';
import { taskQueue } from '../config/task-queues.js';
/**
 * A step that moves is never given up: it beats, and its next attempt goes on where the last one stopped.
 * Errors that no attempt can mend are not retryable, and end it at once. A cancelled run does not wait for steps of
 * workers that may be dead: what they still write is safe, and the next attempt knows how to take over.
 */
function optionsOf(settings, queue) {
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
export const downloads = (settings) => proxyActivities(optionsOf(settings, 'download'));
export const inference = (settings) => proxyActivities(optionsOf(settings, 'inference'));
export const rendering = (settings) => proxyActivities(optionsOf(settings, 'render'));
/** Short steps on the queue of the workflows themselves. */
export const bookkeeping = (settings) => proxyActivities({
    ...optionsOf(settings, 'orchestration'),
    startToCloseTimeout: '2 minutes',
});
/** Steps that read what all others left: of 100,000 ROIs that takes minutes. */
export const gathering = (settings) => proxyActivities(optionsOf(settings, 'orchestration'));
export const { readPage, readImages } = proxyLocalActivities({
    startToCloseTimeout: '1 minute',
});
/** The model that stands in for the record's, if there is one. */
export function ownModel({ model }) {
    return model === undefined ? {} : { model };
}
