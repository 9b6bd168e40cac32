import { describe, expect, it } from 'vitest';
import { ConfusionMatrix, normaliseConfusion } from '../../../toolkit/metrics/confusion-matrix.ts';

const matrix = ConfusionMatrix.fromRows([
  [3, 0, 1],
  [0, 0, 0],
  [1, 0, 3],
]);

describe('normaliseConfusion', () => {
  it.each([
    [
      'total',
      [
        [3 / 8, 0, 1 / 8],
        [0, 0, 0],
        [1 / 8, 0, 3 / 8],
      ],
    ],
    [
      'true',
      [
        [3 / 4, 0, 1 / 4],
        [0, 0, 0],
        [1 / 4, 0, 3 / 4],
      ],
    ],
    [
      'predicted',
      [
        [3 / 4, 0, 1 / 4],
        [0, 0, 0],
        [1 / 4, 0, 3 / 4],
      ],
    ],
  ] as const)('divides by the %s, an empty one by 1', (by, shares) => {
    expect(normaliseConfusion(matrix, by)).toEqual(shares);
  });

  it('normalises rows of ground truth', () => {
    const uneven = ConfusionMatrix.fromRows([
      [1, 3],
      [0, 1],
    ]);
    expect(normaliseConfusion(uneven, 'true')).toEqual([
      [0.25, 0.75],
      [0, 1],
    ]);
    expect(normaliseConfusion(uneven, 'predicted')).toEqual([
      [1, 0.75],
      [0, 0.25],
    ]);
  });

  it('leaves an empty matrix at 0', () => {
    expect(normaliseConfusion(ConfusionMatrix.zeros(2), 'total')).toEqual([
      [0, 0],
      [0, 0],
    ]);
  });
});
