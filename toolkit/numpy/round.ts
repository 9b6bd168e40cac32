/** Rounds to the nearest integer, ties to even, like `numpy.round` and C's `rint`. */
export function roundHalfEven(value: number): number {
  const below = Math.floor(value);
  const fraction = value - below;
  if (fraction !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}

/**
 * Rounds to two decimals as `numpy.round(x, 2)` does: rint(100·x) / 100, halves of the scaled value to even.
 *
 * 100·x is itself rounded, so 0.285 (a little less than it says) gives 0.28 and 2.675 gives 2.68.
 */
export function roundAsNumpy(value: number): number {
  return roundHalfEven(value * 100) / 100;
}

/**
 * Formats a value with two decimals like Python's `format(x, '.2f')`: the exact value decides, ties go to even.
 *
 * `toFixed` is exact too but rounds ties up. A binary fraction is halfway between two hundredths only if it is an odd
 * multiple of 1/8 (odd/200 needs its factor 25 back from the numerator), so only those differ: 0.125 is "0.12".
 *
 * @param value - Below 1e21 in magnitude.
 */
export function formatTwoDecimals(value: number): string {
  const magnitude = Math.abs(value);
  const isHalfway = (magnitude * 8) % 2 === 1;
  if (!isHalfway) return value.toFixed(2);
  return `${value < 0 ? '-' : ''}${roundAsNumpy(magnitude).toFixed(2)}`;
}
