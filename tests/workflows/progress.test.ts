import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isWorthTelling, progressTable } from '../../workflows/progress.ts';

describe('isWorthTelling', () => {
  it('tells of every step of a small stage', () => {
    expect([1, 2, 3, 4].map((done) => isWorthTelling(done, 4))).toEqual([true, true, true, true]);
  });

  it('tells at most fifty times of any stage, and always of its end', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20_000 }), (of) => {
        const told = Array.from({ length: of }, (_, index) => index + 1).filter((done) => isWorthTelling(done, of));
        expect(told.length).toBeLessThanOrEqual(50);
        expect(told.at(-1)).toBe(of);
      }),
      { numRuns: 30 },
    );
  });
});

describe('progressTable', () => {
  it('is a Markdown table with a row a stage', () => {
    const table = progressTable([
      { stage: 'acquire', unit: 'files', done: 7, of: 7, cached: 0, failed: 0, state: 'done' },
      { stage: 'he', unit: 'ROIs', done: 1, of: 3, cached: 1, failed: 0, state: 'running' },
    ]);
    expect(table.replaceAll('\u00a0', '').split('\n')).toEqual([
      '| Stage | State | Done | From cache | Failed |',
      '|---|---|---|---|---|',
      '| acquire | done | 7 of 7 files (100 %) | 0 | 0 |',
      '| he | running | 1 of 3 ROIs (33 %) | 1 | 0 |',
    ]);
  });
});
