import { doubleArea } from './ring-store.js';
/** A ring needs three corners to enclose anything. */
const FEWEST = 3;
/**
 * Leaves out the corners of a ring that lie within `tolerance` of the line without them (Douglas and Peucker), from its
 * first corner to the one farthest from it and back.
 *
 * Neighbouring regions are simplified apart: their borders may no longer meet. A ring that would lose its area or turn
 * over stays as it is.
 *
 * @param tolerance - px.
 */
export function simplifyRing(ring, tolerance) {
    const count = (ring.to - ring.from) / 2;
    if (tolerance <= 0 || count <= FEWEST)
        return ring;
    const corners = Int32Array.from({ length: 2 * count }, (_, at) => ring.corners[ring.from + at] ?? 0);
    const middle = farthestFromFirst(corners, count);
    const isKept = new Uint8Array(count + 1);
    isKept[0] = 1;
    isKept[middle] = 1;
    isKept[count] = 1;
    const open = [
        [0, middle],
        [middle, count],
    ];
    for (let span = open.pop(); span !== undefined; span = open.pop()) {
        const [from, to] = span;
        const { index, distance } = farthestFromLine(corners, count, from, to);
        if (distance <= tolerance)
            continue;
        isKept[index] = 1;
        open.push([from, index], [index, to]);
    }
    const kept = corners.filter((_, at) => isKept[at >> 1] === 1);
    const simple = { corners: kept, from: 0, to: kept.length };
    const isSound = kept.length >= 2 * FEWEST && doubleArea(simple) * doubleArea(ring) > 0;
    return isSound ? simple : ring;
}
function farthestFromFirst(corners, count) {
    let farthest = 1;
    let most = -1;
    for (let index = 1; index < count; index++) {
        const distance = Math.hypot(xOf(corners, index) - xOf(corners, 0), yOf(corners, index) - yOf(corners, 0));
        if (distance > most)
            [farthest, most] = [index, distance];
    }
    return farthest;
}
function farthestFromLine(corners, count, from, to) {
    const [x1, y1] = [xOf(corners, from), yOf(corners, from)];
    const [dx, dy] = [xOf(corners, to % count) - x1, yOf(corners, to % count) - y1];
    const length = Math.hypot(dx, dy);
    let farthest = { index: from, distance: -1 };
    for (let index = from + 1; index < to; index++) {
        const [px, py] = [xOf(corners, index) - x1, yOf(corners, index) - y1];
        const distance = length === 0 ? Math.hypot(px, py) : Math.abs(px * dy - py * dx) / length;
        if (distance > farthest.distance)
            farthest = { index, distance };
    }
    return farthest;
}
function xOf(corners, index) {
    return corners[2 * index] ?? 0;
}
function yOf(corners, index) {
    return corners[2 * index + 1] ?? 0;
}
