import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countConfusion } from '../../../toolkit/metrics/he-metrics.ts';

const bytes = (...values: number[]) => Uint8Array.from(values);
const masks = (maximum: number) =>
  fc
    .array(fc.tuple(fc.integer({ min: 0, max: maximum }), fc.integer({ min: 0, max: maximum })), { maxLength: 300 })
    .map((pairs) => ({
      truth: Uint8Array.from(pairs, ([truth]) => truth),
      prediction: Uint8Array.from(pairs, ([, prediction]) => prediction),
    }));

describe('countConfusion', () => {
  it('counts pairs of true and predicted label', () => {
    const matrix = countConfusion(bytes(0, 1, 1, 2, 2, 2), bytes(0, 1, 2, 2, 2, 0), 3);
    expect(matrix.toRows()).toEqual([
      [1, 0, 0],
      [0, 1, 1],
      [1, 0, 2],
    ]);
  });

  it('leaves out a pixel whose ground truth or prediction is not a label', () => {
    const matrix = countConfusion(bytes(255, 3, 17, 3, 16), bytes(3, 255, 3, 3, 16));
    expect(matrix.total()).toBe(2);
    expect([matrix.at(3, 3), matrix.at(16, 16)]).toEqual([1, 1]);
  });

  it('counts every pixel of every lane, at any offset in memory', () => {
    const place = new Uint8Array(64).fill(9);
    for (const offset of [0, 1, 2, 3]) {
      for (const length of [0, 1, 2, 3, 4, 5, 11]) {
        const truth = place.subarray(offset, offset + length);
        expect(countConfusion(truth, place.slice(0, length)).at(9, 9)).toBe(length);
      }
    }
  });

  it('agrees with counting one pixel at a time', () => {
    fc.assert(
      fc.property(masks(255), ({ truth, prediction }) => {
        const expected = Array.from({ length: 17 }, () => new Array<number>(17).fill(0));
        truth.forEach((label, k) => {
          const row = expected[label];
          const predicted = prediction[k] ?? 255;
          if (row !== undefined && predicted < 17) row[predicted] = (row[predicted] ?? 0) + 1;
        });
        expect(countConfusion(truth, prediction).toRows()).toEqual(expected);
      }),
    );
  });

  it('sums to the number of pixels, and is transposed if ground truth and prediction are swapped', () => {
    fc.assert(
      fc.property(masks(16), ({ truth, prediction }) => {
        const matrix = countConfusion(truth, prediction);
        const turned = countConfusion(prediction, truth);
        expect(matrix.total()).toBe(truth.length);
        for (let k = 0; k < 17; k++) expect(matrix.rowSum(k)).toBe(turned.columnSum(k));
      }),
    );
  });

  it('refuses masks of different lengths', () => {
    expect(() => countConfusion(bytes(1, 2), bytes(1))).toThrow('Expected masks of one length, got 2 and 1 px');
  });
});
