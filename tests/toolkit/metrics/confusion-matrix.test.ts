import { describe, expect, it } from 'vitest';
import { ConfusionMatrix } from '../../../toolkit/metrics/confusion-matrix.ts';

const matrix = ConfusionMatrix.fromRows([
  [5, 1, 0],
  [2, 3, 4],
  [0, 0, 7],
]);

describe('ConfusionMatrix', () => {
  it('has ground truth in rows and predictions in columns', () => {
    expect(matrix.at(1, 2)).toBe(4);
    expect(matrix.at(2, 1)).toBe(0);
    expect([0, 1, 2].map((label) => matrix.rowSum(label))).toEqual([6, 9, 7]);
    expect([0, 1, 2].map((label) => matrix.columnSum(label))).toEqual([7, 4, 11]);
    expect(matrix.trace()).toBe(15);
    expect(matrix.total()).toBe(22);
  });

  it('adds entry by entry without changing either matrix', () => {
    expect(matrix.plus(matrix).toRows()).toEqual([
      [10, 2, 0],
      [4, 6, 8],
      [0, 0, 14],
    ]);
    expect(matrix.total()).toBe(22);
    matrix.counts().fill(99);
    expect(matrix.total()).toBe(22);
  });

  it.each([
    [() => new ConfusionMatrix(2, [1, 2, 3]), 'Expected 2×2 counts, got 3'],
    [() => ConfusionMatrix.fromRows([[1, 2], [3]]), 'Expected rows of 2 counts, got 1'],
    [() => new ConfusionMatrix(1, [-1]), 'whole numbers >= 0, got -1'],
    [() => new ConfusionMatrix(1, [0.5]), 'whole numbers >= 0, got 0.5'],
    [() => matrix.plus(ConfusionMatrix.zeros(2)), 'Expected a matrix of size 3, got 2'],
  ])('refuses what is not a square of counts (%#)', (make, message) => {
    expect(make).toThrow(message);
  });
});
