import { expect, it } from 'vitest';
import type { Queue } from '../../../config/tasks.ts';
import { serveOrphanedQueues } from '../../../runtime/workers/worker-processes.ts';

it('takes over a queue that was orphaned twice in a row, and survives a server that does not answer', async () => {
  const looks: (readonly Queue[])[] = [['render'], [], ['inference'], ['inference', 'render'], ['inference', 'render']];
  const taken: (readonly Queue[])[] = [];
  const over = new AbortController();
  const look = async () => {
    const seen = looks.shift();
    if (seen !== undefined) return seen;
    over.abort();
    throw new Error('UNAVAILABLE');
  };
  await serveOrphanedQueues({ look, serve: (queues) => taken.push(queues), lookMs: 1 }, over.signal);
  expect(taken).toEqual([['inference'], ['inference', 'render']]);
});
