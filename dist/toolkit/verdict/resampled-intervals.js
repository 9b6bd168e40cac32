import { percentileInterval } from './percentile-interval.js';
/**
 * 95 % intervals of every number that `measure` makes: of the published predictions, of ours, and of the difference
 * of the two on the same resamples.
 *
 * @param patients - Sorted by id.
 * @param draws - resamples x patients indices into `patients`.
 */
export function resampledIntervals(patients, draws, measure) {
    const size = patients.length;
    if (size === 0)
        return [];
    const length = patients[0]?.ours.length ?? 0;
    const published = [];
    const ours = [];
    for (let from = 0; from < draws.length; from += size) {
        const drawn = draws.subarray(from, from + size);
        published.push(measure(sumOf(patients, drawn, 'published', length)));
        ours.push(measure(sumOf(patients, drawn, 'ours', length)));
    }
    const metrics = ours[0]?.length ?? 0;
    return Array.from({ length: metrics }, (_, metric) => {
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
function sumOf(patients, drawn, side, length) {
    const sum = new Float64Array(length);
    for (const index of drawn) {
        const counts = patients[index]?.[side] ?? sum;
        for (let k = 0; k < length; k++)
            sum[k] = (sum[k] ?? 0) + (counts[k] ?? 0);
    }
    return sum;
}
