import { describe, expect, it } from 'vitest';
import { predictionInterval } from '../../scripts/verdict/prediction-interval.ts';

describe('predictionInterval', () => {
  it('is the mean -+ t · s · sqrt(1 + 1 / n)', () => {
    // scipy.stats.t.ppf(0.975, 4) = 2.776445; standard deviation of 1..5: 1.581139.
    const { low, high } = predictionInterval([11, 12, 13, 14, 15]);
    expect(low).toBeCloseTo(13 - 2.7764 * 1.581139 * Math.sqrt(1.2), 5);
    expect(high).toBeCloseTo(13 + 2.7764 * 1.581139 * Math.sqrt(1.2), 5);
  });

  it('ends at 0, and needs 2 to 20 runs', () => {
    expect(predictionInterval([0, 1]).low).toBe(0);
    expect(predictionInterval([2, 2])).toEqual({ low: 2, high: 2 });
    expect(() => predictionInterval([1])).toThrow(RangeError);
    expect(() => predictionInterval(new Array<number>(21).fill(1))).toThrow(RangeError);
  });
});
