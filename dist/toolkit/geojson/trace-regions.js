import { LabelRuns } from './label-runs.js';
import { doubleArea, RingStore } from './ring-store.js';
import { RingTracer } from './ring-tracer.js';
const NO_REGION = -1;
/**
 * Finds the connected regions of a label mask and their exact outlines along the edges of pixels.
 *
 * Pixel (x, y) covers x to x + 1 and y to y + 1. Every ring is simple: where a border touches itself at a corner it is
 * cut into rings that touch there, as the simple features of OGC want it. The areas of all regions add up to the mask.
 *
 * Borders are followed from the left edges of runs in raster order. The first left edge of a region belongs to its outer
 * border: the pixel above has another label. The first left edge of a hole's border has the same label above it, whose
 * run belongs to the region that the hole is in: no map of regions is needed. Memory: 8 bytes a run of equal labels and
 * 8 bytes a corner.
 *
 * @param isWanted - Which labels are traced.
 * @returns In raster order of their first pixels.
 */
export function* traceRegions(mask, isWanted) {
    const runs = new LabelRuns(mask);
    const regionOf = new Int32Array(runs.starts.length).fill(NO_REGION);
    const rings = new RingStore();
    const labels = [];
    const tracer = new RingTracer(runs, regionOf);
    for (let y = 0; y < runs.height; y++) {
        const { from, to } = runs.runsOf(y);
        for (let run = from; run < to; run++) {
            const x = runs.starts[run] ?? 0;
            const label = runs.labelAt(x, y);
            if (regionOf[run] !== NO_REGION || !isWanted(label))
                continue;
            const isHole = runs.labelAt(x, y - 1) === label;
            const region = isHole ? (regionOf[runs.runAt(x, y - 1)] ?? NO_REGION) : labels.push(label) - 1;
            tracer.trace(x, y, label, region, (corners, first) => rings.add(region, corners, first));
        }
    }
    yield* regionsOf(rings, labels);
}
function* regionsOf(rings, labels) {
    const { order, starts } = byRegion(rings, labels.length);
    for (const [region, label] of labels.entries()) {
        let exterior;
        const holes = [];
        let doubled = 0;
        for (let at = starts[region] ?? 0; at < (starts[region + 1] ?? 0); at++) {
            const ring = rings.ringAt(order[at] ?? 0);
            const area = doubleArea(ring);
            doubled += area;
            if (area < 0)
                holes.push(ring);
            else
                exterior = ring;
        }
        if (exterior === undefined)
            throw new RangeError(`Expected an outer border of region ${region}`);
        yield { label, exterior, holes, area: doubled / 2 };
    }
}
/** Rings sorted by their region, those of one region in the order in which they were found. */
function byRegion(rings, regions) {
    const starts = new Uint32Array(regions + 1);
    for (let ring = 0; ring < rings.count; ring++) {
        const next = rings.regionOf(ring) + 1;
        starts[next] = (starts[next] ?? 0) + 1;
    }
    for (let region = 0; region < regions; region++) {
        starts[region + 1] = (starts[region + 1] ?? 0) + (starts[region] ?? 0);
    }
    const next = starts.slice();
    const order = new Uint32Array(rings.count);
    for (let ring = 0; ring < rings.count; ring++) {
        const region = rings.regionOf(ring);
        const place = next[region] ?? 0;
        order[place] = ring;
        next[region] = place + 1;
    }
    return { order, starts };
}
