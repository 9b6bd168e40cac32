import { describe, expect, it } from 'vitest';
import { exitStatusOf } from '../../../cli/run/follow-run.ts';
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
