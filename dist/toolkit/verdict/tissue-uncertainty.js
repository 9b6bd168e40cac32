import { HE_LABELS } from '../dataset/he-labels.js';
import { breakdownOf } from './breakdown.js';
import { countsByPatient } from './patients.js';
import { resampledIntervals } from './resampled-intervals.js';
import { measureTissue } from './tissue-measure.js';
import { drawFor } from './uncertainty.js';
/**
 * Puts to a verdict on tissue how sure its numbers are: intervals over patients, and the breakdown by what the
 * overview says of ROIs.
 */
export function addTissueUncertainty(verdict, rois, overview, config) {
    const counts = rois.flatMap((roi) => 'comparison' in roi ? [{ roi: roi.roi, published: roi.published.counts(), ours: roi.ours.counts() }] : []);
    const patients = countsByPatient(counts, overview);
    const { uncertainty, warnings, ...evidence } = drawFor(patients, ['confusion'], HE_LABELS.length, config);
    const intervals = resampledIntervals(patients, evidence.draws, measureTissue);
    const { all, til, between } = verdict.dice;
    const names = [...all.map(({ name }) => name), ...til.map(({ name }) => `TIL: ${name}`)];
    return {
        evidence,
        verdict: {
            ...verdict,
            dice: {
                all: all.map((metric, k) => ({ ...metric, ...intervals[k] })),
                til: til.map((metric, k) => ({ ...metric, ...intervals[all.length + k] })),
                between,
            },
            uncertainty,
            breakdown: breakdownOf(counts, overview, names, measureTissue),
            warnings: [...verdict.warnings, ...warnings],
        },
    };
}
