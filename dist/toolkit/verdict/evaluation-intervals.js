import { countsByPatient } from './patients.js';
import { resampledIntervals } from './resampled-intervals.js';
import { drawResamples } from './resamples.js';
import { describeDraws } from './uncertainty.js';
/**
 * 95 % percentile intervals over patients of the numbers of an evaluation.
 *
 * @param measured.names - Of what `measured.measure` gives.
 * @param measured.isCompared - Whether the counts hold published predictions beside.
 */
export function evaluationIntervals({ rois, names, measure, isCompared, }, overview, config) {
    const patients = countsByPatient(rois, overview);
    const draws = drawResamples(patients.length, config.resamples, config.seed);
    const intervals = resampledIntervals(patients, draws, measure).map(({ oursInterval, ...compared }, k) => [
        names[k] ?? '',
        { ...(oursInterval && { oursInterval }), ...(isCompared && compared) },
    ]);
    return { ...describeDraws(patients.length, config), intervals: Object.fromEntries(intervals) };
}
