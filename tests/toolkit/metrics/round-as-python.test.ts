import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatTwoDecimals, roundAsNumpy } from '../../../toolkit/numpy.ts';

// value, numpy.round(value, 2), format(value, '.2f'), as NumPy 2.4.6 and Python 3.11 give them
const CASES = [
  [0, 0, '0.00'],
  [0.005, 0, '0.01'],
  [0.015, 0.02, '0.01'],
  [0.025, 0.02, '0.03'],
  [0.045, 0.04, '0.04'],
  [0.125, 0.12, '0.12'],
  [0.285, 0.28, '0.28'],
  [0.375, 0.38, '0.38'],
  [0.625, 0.62, '0.62'],
  [0.875, 0.88, '0.88'],
  [0.995, 1, '0.99'],
  [1, 1, '1.00'],
  [1.005, 1, '1.00'],
  [2.675, 2.68, '2.67'],
] as const;

describe('roundAsNumpy', () => {
  it.each(CASES)('rounds %d to %d', (value, rounded) => {
    expect(roundAsNumpy(value)).toBe(rounded);
  });
});

describe('formatTwoDecimals', () => {
  it.each(CASES)('formats %d like Python', (value, _, text) => {
    expect(formatTwoDecimals(value)).toBe(text);
  });

  it('keeps the sign', () => {
    expect(formatTwoDecimals(-0.125)).toBe('-0.12');
  });

  it('agrees with exact arithmetic on whole numbers', () => {
    const eighths = fc.integer({ min: 0, max: 800_000 }).map((count) => count / 8);
    fc.assert(
      fc.property(fc.oneof(fc.double({ min: 0, max: 1, noNaN: true }), eighths), (value) => {
        expect(formatTwoDecimals(value)).toBe(exactly(value));
      }),
      { numRuns: 2_000 },
    );
  });
});

/** Two decimals, half to even, in integers: a binary64 value is a whole multiple of 2^-1074. */
function exactly(value: number): string {
  const bits = new BigUint64Array(Float64Array.of(value).buffer)[0] ?? 0n;
  const exponent = (bits >> 52n) & 0x7ffn;
  const fraction = bits & 0xf_ffff_ffff_ffffn;
  const multiple = exponent === 0n ? fraction : (fraction | (1n << 52n)) << (exponent - 1n);
  const unit = 1n << 1074n;
  const below = (multiple * 100n) / unit;
  const rest = (multiple * 100n) % unit;
  const isUp = rest * 2n > unit || (rest * 2n === unit && below % 2n === 1n);
  const hundredths = String(isUp ? below + 1n : below).padStart(3, '0');
  return `${hundredths.slice(0, -2)}.${hundredths.slice(-2)}`;
}
