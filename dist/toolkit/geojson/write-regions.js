import { writeFeatures } from './feature-file.js';
import { simplifyRing } from './simplify-ring.js';
import { traceRegions } from './trace-regions.js';
/**
 * Writes the connected regions of a mask as polygons with holes: exterior rings counter-clockwise and holes clockwise
 * by the numbers, as RFC 7946 wants them, every ring closed.
 *
 * @returns Number of regions.
 * @throws ReigniteError NO_SPACE, NOT_WRITABLE.
 */
export async function writeRegions(path, mask, options) {
    const { width, height } = mask;
    const frame = { width, height, ...(options.mpp !== undefined && { mpp: options.mpp }) };
    return writeFeatures(path, frame, regionFeatures(mask, options));
}
/** The features of a mask, one region each. */
export function* regionFeatures(mask, { classes, mpp, simplify = 0, minArea = 1 }) {
    for (const region of traceRegions(mask, (label) => classes.has(label))) {
        const classification = classes.get(region.label);
        if (classification === undefined || region.area < minArea)
            continue;
        yield {
            geometry: { type: 'Polygon', rings: ringsOf(region, simplify) },
            objectType: 'annotation',
            classification,
            measurements: {
                'Area px^2': region.area,
                ...(mpp !== undefined && { 'Area mm^2': (region.area * mpp * mpp) / 1e6 }),
            },
        };
    }
}
function ringsOf({ exterior, holes }, tolerance) {
    return [exterior, ...holes].map((ring) => simplifyRing(ring, tolerance));
}
