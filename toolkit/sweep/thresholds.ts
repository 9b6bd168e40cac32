const HIGHEST = 0.95;

/**
 * Lists thresholds from the lowest stored score to 0.95.
 *
 * @param step - Distance of two thresholds.
 * @param floor - Lowest stored detection score.
 * @param given - Thresholds to include.
 * @returns Ascending, without duplicates.
 */
export function thresholdsBy(step: number, floor: number, ...given: readonly number[]): number[] {
  const count = Math.floor((HIGHEST - floor) / step + 1e-9);
  const grid = Array.from({ length: count + 1 }, (_, k) => Math.round((floor + k * step) * 1e6) / 1e6);
  return [...new Set([...grid, ...given])].sort((a, b) => a - b);
}
