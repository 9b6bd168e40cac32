/** The range that one more run of the same kind falls into with 95 % probability. */
export interface PredictionInterval {
  readonly low: number;
  readonly high: number;
}

/** 0.975 quantiles of Student's t by degrees of freedom, from 1 on. */
const T_QUANTILES = [
  12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.306, 2.2622, 2.2281, 2.201, 2.1788, 2.1604, 2.1448, 2.1314,
  2.1199, 2.1098, 2.1009, 2.093,
] as const;

/**
 * Computes the 95 % prediction interval of one more run from repeated ones: mean -+ t · s · sqrt(1 + 1 / n). The lower
 * end is at least 0.
 *
 * @param values - One per run, 2 to 20 runs.
 * @throws RangeError for fewer or more runs.
 * @see Siegel et al., CORE-Bench, arXiv 2409.11363
 */
export function predictionInterval(values: readonly number[]): PredictionInterval {
  const n = values.length;
  const t = T_QUANTILES[n - 2];
  if (t === undefined) throw new RangeError(`Expected 2 to 20 runs, got ${n}`);
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1);
  const half = t * Math.sqrt(variance * (1 + 1 / n));
  return { low: Math.max(0, mean - half), high: mean + half };
}
