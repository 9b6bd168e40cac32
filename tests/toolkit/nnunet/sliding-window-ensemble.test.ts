import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ROWS_PER_FOLD,
  stepAfter,
  stepsBefore,
} from '../../../toolkit/nnunet/sliding-window/sliding-window-ensemble.ts';

const allSteps = (rows: number, folds: number) => [...stepsBefore({ row: rows, fold: 0 }, rows, folds)];

describe('the order of steps', () => {
  it('processes a group of rows with one fold, then with the next', () => {
    expect(allSteps(5, 2).map(({ row, fold }) => `${row}${fold}`)).toEqual('00 10 20 30 01 11 21 31 40 41'.split(' '));
    expect(stepAfter({ row: 4, fold: 1 }, 5, 2)).toEqual({ row: 5, fold: 0 });
  });

  it('runs every step once, after the steps whose sums it adds to', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 5 }), (rows, folds) => {
        const steps = allSteps(rows, folds);
        const done = new Set<string>();
        for (const { row, fold } of steps) {
          // A row's accumulator continues from the row above with the same fold, its sum from the fold before.
          if (row > 0) expect(done.has(`${row - 1} ${fold}`)).toBe(true);
          if (fold > 0) expect(done.has(`${row} ${fold - 1}`)).toBe(true);
          done.add(`${row} ${fold}`);
        }
        expect(done.size).toBe(rows * folds);
        expect(steps).toHaveLength(rows * folds);
      }),
    );
  });

  it('changes the fold only once per group', () => {
    const steps = allSteps(9, 5);
    const changes = steps.filter(({ fold }, k) => k > 0 && steps[k - 1]?.fold !== fold).length + 1;
    expect(changes).toBe(5 * Math.ceil(9 / ROWS_PER_FOLD));
  });
});
