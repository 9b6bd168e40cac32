import { describe, expect, it } from 'vitest';
import { chainOf } from '../../../cli/inspect/run-steps.ts';

describe('chainOf', () => {
  const CONTINUED: Readonly<Record<string, string>> = { c: 'b', b: 'a', a: '', z: '' };

  it('contains the executions that the newest one continues, and none of earlier runs', async () => {
    const chain = await chainOf('c', new Set(['z', 'a', 'b', 'c']), async (runId) => CONTINUED[runId] ?? '');
    expect([...chain]).toEqual(['c', 'b', 'a']);
  });

  it('ends at an execution whose history has been deleted', async () => {
    const chain = await chainOf('c', new Set(['b', 'c']), async (runId) => CONTINUED[runId] ?? '');
    expect([...chain]).toEqual(['c', 'b']);
  });
});
