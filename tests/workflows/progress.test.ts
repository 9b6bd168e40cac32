import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ProgressThrottle, progressTable } from '../../workflows/progress.ts';

describe('ProgressThrottle', () => {
  const MINUTE = 60_000;

  it('reports nothing for a stage that ends within a minute', () => {
    const throttle = new ProgressThrottle(0, 4, 0);
    expect([1, 2, 3, 4].map((done) => throttle.isDue(done, done * 10_000))).toEqual([false, false, false, false]);
  });

  it('reports every tenth that took a minute', () => {
    const throttle = new ProgressThrottle(0, 100, 0);
    expect([5, 10, 11, 20].map((done) => throttle.isDue(done, done * MINUTE))).toEqual([false, true, false, true]);
    expect(throttle.isDue(30, 20 * MINUTE + 1)).toBe(false);
  });

  it('reports at most ten times for any stage', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20_000 }), (of) => {
        const throttle = new ProgressThrottle(0, of, 0);
        const counts = Array.from({ length: of }, (_, index) => index + 1);
        const told = counts.filter((done) => throttle.isDue(done, done * MINUTE));
        expect(told.length).toBeLessThanOrEqual(10);
      }),
      { numRuns: 30 },
    );
  });
});

describe('progressTable', () => {
  it('is a Markdown table with a row per stage', () => {
    const table = progressTable([
      { stage: 'acquire', unit: 'files', done: 7, of: 7, cached: 0, failed: 0, state: 'done' },
      { stage: 'he', unit: 'ROIs', done: 1, of: 3, cached: 1, failed: 0, state: 'running' },
    ]);
    expect(table.replaceAll('\u00a0', ' ').replaceAll(/ +/g, ' ').split('\n')).toEqual([
      '| Stage | State | Done | Cached | Failed |',
      '|---|---|---|---|---|',
      '| Download and unpack | done | 7 of 7 files (100 %) | 0 | 0 |',
      '| H&E tissue segmentation | running | 1 of 3 ROIs (33 %) | 1 | 0 |',
    ]);
  });

  it('does not say that nothing is done while an open batch has its own count', () => {
    const he = { stage: 'he', unit: 'ROIs', of: 4, cached: 0, failed: 0, state: 'running', isLeast: true } as const;
    const doneOf = (done: number) => progressTable([{ ...he, done }]).replaceAll('\u00a0', ' ');
    expect(doneOf(0)).toContain('4 ROIs, see the open batch');
    expect(doneOf(0)).not.toContain('0 of 4');
    expect(doneOf(3)).toContain('at least 3 of 4 ROIs (75 %)');
  });
});
