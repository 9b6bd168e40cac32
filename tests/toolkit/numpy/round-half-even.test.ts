import { describe, expect, it } from 'vitest';
import { roundHalfEven } from '../../../toolkit/numpy.ts';

describe('roundHalfEven', () => {
  it.each([
    [0.5, 0],
    [1.5, 2],
    [2.5, 2],
    [128.5, 128],
    [2.4999999999999996, 2],
    [2.5000000000000004, 3],
    [7, 7],
    [-1.5, -2],
    [-2.5, -2],
    [-2.6, -3],
    [Number.NaN, Number.NaN],
  ])('rounds %d to %d', (value, expected) => {
    expect(roundHalfEven(value)).toBe(expected);
  });
});
