import { describe, expect, it } from 'vitest';
import { exitStatusOf, warnUnpolledQueues } from '../../../cli/run/follow-run.ts';
import { QUEUES, type Queue } from '../../../config/tasks.ts';
import type { Summary } from '../../../toolkit/report/summary.ts';

function summary(status: Summary['status'], ...verdicts: Summary['tasks'][string]['verdict'][]): Summary {
  const rois = { total: 1, computed: 1, cached: 0, failed: 0 };
  const tasks = verdicts.map((verdict, k) => [`task${k}`, { verdict, rois, failures: [], worst: [] }]);
  return { run: 'r', record: '1', profile: 'p', digest: 'd', status, tasks: Object.fromEntries(tasks) };
}

describe('exitStatusOf', () => {
  it.each([
    [0, summary('done', 'reproduced', 'within tolerance', 'not comparable')],
    [4, summary('done', 'reproduced', 'differs')],
    [3, summary('partial', 'reproduced')],
    [3, summary('partial', 'differs')],
    [1, summary('failed', 'differs')],
    [1, summary('cancelled')],
  ])('is %i', (status, closed) => {
    expect(exitStatusOf(closed)).toBe(status);
  });
});

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
