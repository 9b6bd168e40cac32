import { type OverviewByStem, patientOf } from '../dataset/overview.ts';
import type { ComparedMetric, Interval } from './verdict-file.ts';

const LOW = 0.025;
const HIGH = 0.975;

/**
 * Computes the 95 % percentile interval of a resampled score.
 *
 * @param values - One value per resample; null where a class was empty. Nulls are excluded and counted.
 * @returns Undefined if all values are null.
 */
export function percentileInterval(values: readonly (number | null)[]): Interval | undefined {
  const sorted = Float64Array.from(values.filter((value) => value !== null)).sort();
  if (sorted.length === 0) return undefined;
  return { low: quantile(sorted, LOW), high: quantile(sorted, HIGH), dropped: values.length - sorted.length };
}

/**
 * Returns a quantile by linear interpolation between order statistics, like `numpy.quantile` by default.
 *
 * @param sorted - Ascending, at least one value.
 * @param share - Probability of the quantile, 0 to 1.
 */
export function quantile(sorted: Float64Array, share: number): number {
  const position = (sorted.length - 1) * share;
  const below = Math.floor(position);
  const low = sorted[below] ?? Number.NaN;
  const high = sorted[Math.min(below + 1, sorted.length - 1)] ?? Number.NaN;
  const part = position - below;
  return part < 0.5 ? low + (high - low) * part : high - (high - low) * (1 - part);
}

/** Counts of one patient, summed over all ROIs, for the published predictions and for ours. */
export interface PatientCounts {
  readonly id: string;
  /** Stems of the ROIs. */
  readonly rois: readonly string[];
  /** Confusion matrices, concatenated, each row by row. */
  readonly published: Float64Array;
  /** Same layout as `published`. */
  readonly ours: Float64Array;
}

/** Computes scores from summed counts; a score is null if its class is empty. */
export interface Measure {
  (counts: Float64Array): readonly (number | null)[];
  /** For every score, whether these counts contribute to it. Default: the score is not null. */
  readonly support?: (counts: Float64Array) => readonly boolean[];
  /** For every score, the group of readers that it belongs to. Default: one group for all. */
  readonly cohorts?: readonly string[];
}

export type MetricIntervals = Pick<ComparedMetric, 'publishedInterval' | 'oursInterval' | 'differenceInterval'>;

/** A single patient does not show how much patients differ. */
const MIN_PATIENTS = 2;

/** Returns whether each patient contributes to each score of `measure`: patients x scores. */
export function supportOf(patients: readonly PatientCounts[], measure: Measure): readonly (readonly boolean[])[] {
  const support = measure.support ?? ((counts) => measure(counts).map((value) => value !== null));
  return patients.map(({ ours }) => support(ours));
}

/**
 * Computes 95 % intervals of every score that `measure` returns: for the published predictions, for ours, and for the
 * difference of the two on the same resamples. A score to which fewer than two patients contribute has none.
 *
 * @param patients - Sorted by id.
 * @param draws - resamples x patients indices into `patients`.
 */
export function resampledIntervals(
  patients: readonly PatientCounts[],
  draws: Uint16Array,
  measure: Measure,
): readonly MetricIntervals[] {
  const size = patients.length;
  if (size === 0) return [];
  const support = supportOf(patients, measure);
  const length = patients[0]?.ours.length ?? 0;
  const isSame = patients.every((patient) => patient.published.every((count, k) => count === patient.ours[k]));
  const published: (readonly (number | null)[])[] = [];
  const ours: (readonly (number | null)[])[] = [];
  for (let from = 0; from < draws.length; from += size) {
    const drawn = draws.subarray(from, from + size);
    const scores = measure(sumOf(patients, drawn, 'published', length));
    published.push(scores);
    ours.push(isSame ? scores : measure(sumOf(patients, drawn, 'ours', length)));
  }
  const metrics = ours[0]?.length ?? 0;
  return Array.from({ length: metrics }, (_, metric): MetricIntervals => {
    if (support.filter((known) => known[metric]).length < MIN_PATIENTS) return {};
    const theirs = published.map((values) => values[metric] ?? null);
    const mine = ours.map((values) => values[metric] ?? null);
    const between = mine.map((value, k) => {
      const other = theirs[k] ?? null;
      return value === null || other === null ? null : value - other;
    });
    const [one, two, three] = [theirs, mine, between].map(percentileInterval);
    return {
      ...(one === undefined ? {} : { publishedInterval: one }),
      ...(two === undefined ? {} : { oursInterval: two }),
      ...(three === undefined ? {} : { differenceInterval: three }),
    };
  });
}

function sumOf(
  patients: readonly PatientCounts[],
  drawn: Uint16Array,
  side: 'published' | 'ours',
  length: number,
): Float64Array {
  const sum = new Float64Array(length);
  for (const index of drawn) {
    const counts = patients[index]?.[side] ?? sum;
    for (let k = 0; k < length; k++) sum[k] = (sum[k] ?? 0) + (counts[k] ?? 0);
  }
  return sum;
}

const MULTIPLIER = 6_364_136_223_846_793_005n;
const MASK_64 = 2n ** 64n - 1n;

/**
 * The random number generator PCG32 (PCG-XSH-RR, 64 bits of state, 32 bits of output), as in O'Neill's reference
 * implementation. The same seed gives the same numbers in any language.
 *
 * @see https://www.pcg-random.org
 */
export class Pcg32 {
  #state = 0n;
  readonly #increment: bigint;

  /**
   * @param seed - Whole number, 0 to 2^53 - 1: `initstate` of the reference implementation.
   * @param stream - `initseq` of the reference implementation.
   */
  constructor(seed: number, stream = 54) {
    this.#increment = ((BigInt(stream) << 1n) | 1n) & MASK_64;
    this.next();
    this.#state = (this.#state + BigInt(seed)) & MASK_64;
    this.next();
  }

  /** Draws a whole number from 0 to 2^32 - 1. */
  next(): number {
    const old = this.#state;
    this.#state = (old * MULTIPLIER + this.#increment) & MASK_64;
    const shifted = Number((((old >> 18n) ^ old) >> 27n) & 0xff_ff_ff_ffn);
    const rotation = Number(old >> 59n);
    return ((shifted >>> rotation) | (shifted << (-rotation & 31))) >>> 0;
  }

  /**
   * Draws a whole number from 0 to `bound` - 1, all equally likely, like `pcg32_boundedrand_r`.
   *
   * @param bound - 1 to 2^32 - 1.
   */
  below(bound: number): number {
    const threshold = 2 ** 32 % bound;
    for (;;) {
      const drawn = this.next();
      if (drawn >= threshold) return drawn % bound;
    }
  }
}

/** How the resamples are drawn, for readers who want to reproduce them. */
export const GENERATOR = 'PCG32 (XSH-RR 64/32), stream 54, bounded by rejection';

/** Indices of patients are stored as uint16. */
const MAX_PATIENTS = 65_535;

/**
 * Draws resamples of patients with replacement.
 *
 * @param patients - Number of patients, 1 to 65,535.
 * @returns Indices of patients, resamples x patients, row by row.
 * @throws RangeError for more patients.
 */
export function drawResamples(patients: number, resamples: number, seed: number): Uint16Array {
  if (patients > MAX_PATIENTS) throw new RangeError(`Expected at most ${MAX_PATIENTS} patients, got ${patients}`);
  const random = new Pcg32(seed);
  return Uint16Array.from({ length: resamples * patients }, () => random.below(patients));
}

/** Counts of one ROI: its confusion matrices, concatenated. */
export interface RoiCounts {
  readonly roi: string;
  readonly published: ArrayLike<number>;
  readonly ours: ArrayLike<number>;
}

/** Sums the counts of each patient's ROIs; sorted by patient ID, in the order of code points. */
export function countsByPatient(rois: readonly RoiCounts[], overview: OverviewByStem): readonly PatientCounts[] {
  const patients = new Map<string, { rois: string[]; published: Float64Array; ours: Float64Array }>();
  for (const { roi, published, ours } of rois) {
    const id = patientOf(overview, roi);
    const known = patients.get(id);
    if (known === undefined) {
      patients.set(id, { rois: [roi], published: Float64Array.from(published), ours: Float64Array.from(ours) });
    } else {
      known.rois.push(roi);
      add(known.published, published);
      add(known.ours, ours);
    }
  }
  return [...patients]
    .sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    .map(([id, counts]) => ({ id, ...counts }));
}

function add(sum: Float64Array, counts: ArrayLike<number>): void {
  for (let k = 0; k < sum.length; k++) sum[k] = (sum[k] ?? 0) + (counts[k] ?? 0);
}
