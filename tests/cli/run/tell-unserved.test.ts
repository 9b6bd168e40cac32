import { expect, it } from 'vitest';
import { warnUnpolledQueues } from '../../../cli/run/follow-run.ts';
import { QUEUES, type Queue } from '../../../config/tasks.ts';

/** What is said when the looks find one of `seen` after the other. */
async function linesOf(seen: readonly (readonly Queue[])[]): Promise<string[]> {
  const over = new AbortController();
  const lines: string[] = [];
  const left = [...seen];
  const look = () => {
    const found = left.shift() ?? [];
    if (left.length === 0) over.abort();
    return Promise.resolve(found);
  };
  await warnUnpolledQueues(
    { look, taskQueuePrefix: 'reignite', onStep: (line) => lines.push(line), lookMs: 1 },
    over.signal,
  );
  return lines;
}

it('names the queues that no worker polls, once, with the remedy', async () => {
  const [line, ...more] = await linesOf(Array.from({ length: 6 }, () => QUEUES));
  expect(line).toContain('reignite-inference');
  expect(line).toContain('`npx reignite worker`');
  expect(more).toEqual([]);
});

it('names the option if only some queues are missing', async () => {
  const lines = await linesOf(Array.from({ length: 4 }, () => ['inference', 'render'] as const));
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain('`npx reignite worker --queues inference,render`');
});

it('gives workers time to get ready', async () => {
  expect(await linesOf([QUEUES, QUEUES, [], QUEUES, QUEUES, []])).toEqual([]);
});
