const HIGHEST = 0.95;

/** @returns Thresholds from the lowest score that is kept to 0.95, a `step` apart, the two given ones among them. */
export function thresholdsBy(step: number, floor: number, ...given: readonly number[]): number[] {
  const count = Math.floor((HIGHEST - floor) / step + 1e-9);
  const grid = Array.from({ length: count + 1 }, (_, k) => Math.round((floor + k * step) * 1e6) / 1e6);
  return [...new Set([...grid, ...given])].sort((a, b) => a - b);
}
