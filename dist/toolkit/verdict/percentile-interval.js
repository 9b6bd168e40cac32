const LOW = 0.025;
const HIGH = 0.975;
/**
 * The 95 % percentile interval of a resampled number.
 *
 * @param values - One a resample; null where a class was empty, which is left out and counted.
 * @returns Undefined when nothing is left.
 */
export function percentileInterval(values) {
    const sorted = Float64Array.from(values.filter((value) => value !== null)).sort();
    if (sorted.length === 0)
        return undefined;
    return { low: quantile(sorted, LOW), high: quantile(sorted, HIGH), dropped: values.length - sorted.length };
}
/**
 * A quantile between two order statistics on a straight line, as `numpy.quantile` has it by default.
 *
 * @param sorted - Ascending, at least one value.
 * @param share - 0 to 1.
 */
export function quantile(sorted, share) {
    const place = (sorted.length - 1) * share;
    const below = Math.floor(place);
    const low = sorted[below] ?? Number.NaN;
    const high = sorted[Math.min(below + 1, sorted.length - 1)] ?? Number.NaN;
    const part = place - below;
    return part < 0.5 ? low + (high - low) * part : high - (high - low) * (1 - part);
}
