import { describe, expect, it } from 'vitest';
import {
  ConfusionMatrix,
  groupLabels,
  withoutFirstLabel,
  withoutTruth,
} from '../../../toolkit/metrics/confusion-matrix.ts';

const matrix = ConfusionMatrix.fromRows([
  [1, 2, 3],
  [4, 5, 6],
  [7, 8, 9],
]);

describe('selecting labels', () => {
  it('removes the first label from ground truth and prediction', () => {
    expect(withoutFirstLabel(matrix).toRows()).toEqual([
      [5, 6],
      [8, 9],
    ]);
  });

  it('clears the row of a ground-truth label and keeps its column', () => {
    expect(withoutTruth(matrix, 1).toRows()).toEqual([
      [1, 2, 3],
      [0, 0, 0],
      [7, 8, 9],
    ]);
  });

  it('sums the labels of a group', () => {
    expect(groupLabels(matrix, [0, 1, 0], 2).toRows()).toEqual([
      [20, 10],
      [10, 5],
    ]);
  });

  it('rejects a label without a group', () => {
    expect(() => groupLabels(matrix, [0, 1], 2)).toThrow('Expected a group from 0 to 1 for label 2, got undefined');
    expect(() => groupLabels(matrix, [0, 1, 2], 2)).toThrow('Expected a group from 0 to 1 for label 2, got 2');
  });
});
