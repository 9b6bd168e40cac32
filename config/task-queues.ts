/** The kinds of work, each with a task queue of its own so that a worker can serve those that suit its machine. */
export const QUEUES = ['orchestration', 'download', 'inference', 'render'] as const;
export type Queue = (typeof QUEUES)[number];

/** @param prefix - `temporal.taskQueuePrefix` of the configuration. */
export function taskQueue(prefix: string, queue: Queue): string {
  return `${prefix}-${queue}`;
}
