import { FATE, nms } from './nms.js';
import { centreOf, isWithin } from './points.js';
/** Decides which candidates of a tile are points, and says why the others are not. */
export function judgeTile(candidates, tile, options) {
    const { order, fates } = nms(candidates, options);
    const rowOf = new Map(Array.from(order, (index, row) => [index, row]));
    const points = [];
    const rows = Array.from(order, (index) => {
        const label = candidates.classes[index] ?? 0;
        const outcome = () => {
            const fate = fates[index] ?? FATE.kept;
            if (fate === FATE.belowConfidence)
                return 'confidence';
            if (fate === FATE.overLimit)
                return 'limit';
            if (fate !== FATE.kept)
                return rowOf.get(fate) ?? 0;
            const centre = centreOf(candidates, index, tile.left, tile.top);
            if (options.box !== undefined && !isWithin(centre, options.box))
                return 'box';
            points.push({ ...centre, label });
            return 'point';
        };
        return [tile.index, label, decimals(candidates.scores[index], 6), ...corners(candidates, index, tile), outcome()];
    });
    return { rows, points };
}
function corners({ corners: all }, index, { left, top }) {
    const at = 4 * index;
    return [
        decimals((all[at] ?? 0) + left, 2),
        decimals((all[at + 1] ?? 0) + top, 2),
        decimals((all[at + 2] ?? 0) + left, 2),
        decimals((all[at + 3] ?? 0) + top, 2),
    ];
}
function decimals(value = 0, digits) {
    return Math.round(value * 10 ** digits) / 10 ** digits;
}
