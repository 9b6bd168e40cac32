import { AI, evaluateDetection } from '../metrics/agreement.js';
import { pairName } from '../metrics/agreement-metrics.js';
import { measureCells } from './cells-measure.js';
/**
 * Counts the confusions of every reader with two AIs, an image; zeros where a pair lacks the image.
 *
 * @param annotations - Of the images that count.
 */
export function cellsCounts(annotations, { published, ours }) {
    const pairsOf = (points) => evaluateDetection({ task: annotations.task, annotations, points }).pairs;
    const [theirs, mine] = [pairsOf(published), pairsOf(ours)];
    const keys = annotations.groups.flatMap(({ name, readers }) => readers.map((reader) => ({ group: name, pair: pairName(reader, AI) })));
    const side = [...mine.values()].flatMap(({ images }) => images)[0]?.confusion.size ?? 2;
    const ofRoi = (from, roi) => keys.flatMap(({ pair }) => [
        ...(from
            .get(pair)
            ?.images.find((image) => image.roi === roi)
            ?.confusion.counts() ?? new Float64Array(side ** 2)),
    ]);
    const rois = annotations.images.map(({ stem }) => ({ roi: stem, published: ofRoi(theirs, stem), ours: ofRoi(mine, stem) }));
    const pairs = keys.map(({ group, pair }) => `${group}: ${pair}`);
    return {
        rois,
        pairs,
        side,
        measure: measureCells(side - 1, presentClasses(rois, pairs.length, side)),
        names: pairs.flatMap((pair) => [
            `${pair}, macro`,
            ...Array.from({ length: side - 1 }, (_, label) => `${pair}, class ${label}`),
        ]),
    };
}
/** For every pair, the classes that its reader has in some image. */
function presentClasses(rois, pairs, side) {
    return Array.from({ length: pairs }, (_, pair) => {
        const present = new Set();
        for (const { ours } of rois) {
            for (let cell = 0; cell < side * (side - 1); cell++) {
                if ((ours[pair * side * side + cell] ?? 0) > 0)
                    present.add(Math.floor(cell / side));
            }
        }
        return present;
    });
}
