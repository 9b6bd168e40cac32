import { breakdownOf } from './breakdown.js';
import { cellsCounts } from './cells-counts.js';
import { countsByPatient } from './patients.js';
import { resampledIntervals } from './resampled-intervals.js';
import { tumourProportion } from './tumour-proportion.js';
import { drawFor } from './uncertainty.js';
/**
 * Puts to a verdict on cells how sure its numbers are: intervals over patients, the breakdown by what the overview
 * says of images, and the tumour proportion score of PD-L1.
 */
export function addCellsUncertainty(verdict, { images, annotations, overview, config, }) {
    const compared = new Map(images.flatMap((image) => ('comparison' in image ? [[image.roi, image]] : [])));
    const known = { ...annotations, images: annotations.images.filter(({ stem }) => compared.has(stem)) };
    const { rois, pairs, side, measure, names } = cellsCounts(known, {
        published: (stem) => compared.get(stem)?.published,
        ours: (stem) => compared.get(stem)?.ours,
    });
    const patients = countsByPatient(rois, overview);
    const { uncertainty, warnings, ...evidence } = drawFor(patients, pairs, side, config);
    const intervals = new Map(resampledIntervals(patients, evidence.draws, measure).map((each, k) => [names[k] ?? '', each]));
    return {
        evidence,
        verdict: {
            ...verdict,
            f1: verdict.f1.map((metric) => ({ ...metric, ...intervals.get(metric.name) })),
            uncertainty,
            breakdown: breakdownOf(rois, overview, names, measure),
            ...(verdict.task === 'pdl1' ? { tumourProportion: tumourProportion(images, annotations) } : {}),
            warnings: [...verdict.warnings, ...warnings],
        },
    };
}
