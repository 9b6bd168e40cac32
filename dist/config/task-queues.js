/** The kinds of work, each with a task queue of its own so that a worker can serve those that suit its machine. */
export const QUEUES = ['orchestration', 'download', 'inference', 'render'];
/** @param prefix - `temporal.taskQueuePrefix` of the configuration. */
export function taskQueue(prefix, queue) {
    return `${prefix}-${queue}`;
}
