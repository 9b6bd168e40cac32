import { percentileInterval } from './percentile-interval.ts';
import type { ComparedMetric } from './verdict-file.ts';

/** What was counted for one patient, all ROIs together, with the published predictions and with ours. */
export interface PatientCounts {
  readonly id: string;
  /** Stems of the ROIs. */
  readonly rois: readonly string[];
  /** Confusion matrices, one behind the other, row by row. */
  readonly published: Float64Array;
  /** As many. */
  readonly ours: Float64Array;
}

/** Numbers made of summed counts; null for one whose class is empty in them. */
export type Measure = (counts: Float64Array) => readonly (number | null)[];

export type MetricIntervals = Pick<ComparedMetric, 'publishedInterval' | 'oursInterval' | 'differenceInterval'>;

/**
 * 95 % intervals of every number that `measure` makes: of the published predictions, of ours, and of the difference
 * of the two on the same resamples.
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
  const length = patients[0]?.ours.length ?? 0;
  const published: (readonly (number | null)[])[] = [];
  const ours: (readonly (number | null)[])[] = [];
  for (let from = 0; from < draws.length; from += size) {
    const drawn = draws.subarray(from, from + size);
    published.push(measure(sumOf(patients, drawn, 'published', length)));
    ours.push(measure(sumOf(patients, drawn, 'ours', length)));
  }
  const metrics = ours[0]?.length ?? 0;
  return Array.from({ length: metrics }, (_, metric): MetricIntervals => {
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
