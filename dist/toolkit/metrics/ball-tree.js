import { nthElement } from './nth-element.js';
/** A leaf holds from this to twice this number of points: the default of scikit-learn. */
const LEAF_SIZE = 40;
/**
 * The ball tree of scikit-learn over points in the plane, with its order of points and its roundings.
 *
 * The order is part of the paper's matching: of equally near predictions the authors' code takes the one that
 * `BallTree.query_radius` lists first. The points are halved along the axis of larger spread (x when equal) until a leaf
 * would hold fewer than 40; what is halved is reordered as {@link nthElement} does it, and leaves are visited from left
 * to right. Up to 80 points are one leaf, in the order given.
 *
 * @see scikit-learn 1.9.1, `_binary_tree.pxi.tp`, `_ball_tree.pyx.tp`
 */
export class BallTree {
    size;
    /** Indices of the points, leaf by leaf. */
    order;
    #nodes;
    /** Coordinates in the order of the leaves. */
    #x;
    #y;
    #start;
    #end;
    #centreX;
    #centreY;
    #radius;
    #found;
    /** @param points - Finite coordinates in px. */
    constructor(points) {
        this.size = points.length;
        this.order = new Int32Array(this.size);
        this.#nodes = nodeCount(this.size);
        this.#start = new Int32Array(this.#nodes);
        this.#end = new Int32Array(this.#nodes);
        this.#centreX = new Float64Array(this.#nodes);
        this.#centreY = new Float64Array(this.#nodes);
        this.#radius = new Float64Array(this.#nodes);
        const x = new Float64Array(this.size);
        const y = new Float64Array(this.size);
        for (let k = 0; k < this.size; k++) {
            this.order[k] = k;
            x[k] = points[k]?.x ?? 0;
            y[k] = points[k]?.y ?? 0;
        }
        if (this.size > 0)
            this.#build(x, y, 0, 0, this.size);
        this.#x = inOrder(x, this.order);
        this.#y = inOrder(y, this.order);
        this.#found = { count: 0, indices: new Int32Array(this.size), distances: new Float64Array(this.size) };
    }
    /**
     * The points at most `radius` px from (x, y). What is returned holds until the next call.
     */
    within(x, y, radius) {
        this.#found.count = 0;
        if (this.size > 0)
            this.#visit(0, x, y, radius);
        return this.#found;
    }
    /** A ball is the mean of its points and the largest distance from it, summed in the order before it is halved. */
    #build(x, y, node, start, end) {
        this.#start[node] = start;
        this.#end[node] = end;
        let sumX = 0;
        let sumY = 0;
        let [left, right, top, bottom] = [Infinity, -Infinity, Infinity, -Infinity];
        for (let k = start; k < end; k++) {
            const atX = x[this.order[k] ?? 0] ?? 0;
            const atY = y[this.order[k] ?? 0] ?? 0;
            sumX += atX;
            sumY += atY;
            if (atX < left)
                left = atX;
            if (atX > right)
                right = atX;
            if (atY < top)
                top = atY;
            if (atY > bottom)
                bottom = atY;
        }
        const centreX = sumX / (end - start);
        const centreY = sumY / (end - start);
        let largest = 0;
        for (let k = start; k < end; k++) {
            const squared = squaredDistance(centreX, centreY, x[this.order[k] ?? 0] ?? 0, y[this.order[k] ?? 0] ?? 0);
            if (squared > largest)
                largest = squared;
        }
        this.#centreX[node] = centreX;
        this.#centreY[node] = centreY;
        this.#radius[node] = Math.sqrt(largest);
        if (this.#isLeaf(node))
            return;
        const middle = start + ((end - start) >> 1);
        nthElement(this.order, bottom - top > right - left ? y : x, start, middle, end);
        this.#build(x, y, 2 * node + 1, start, middle);
        this.#build(x, y, 2 * node + 2, middle, end);
    }
    #isLeaf(node) {
        return 2 * node + 1 >= this.#nodes;
    }
    /** A ball wholly outside adds nothing, one wholly inside all its points; the bounds are rounded as scikit-learn's. */
    #visit(node, x, y, radius) {
        const toCentre = Math.sqrt(squaredDistance(x, y, this.#centreX[node] ?? 0, this.#centreY[node] ?? 0));
        const ball = this.#radius[node] ?? 0;
        if (toCentre - ball > radius)
            return;
        const isInside = toCentre + ball <= radius;
        if (isInside || this.#isLeaf(node)) {
            this.#collect(node, x, y, isInside ? Number.POSITIVE_INFINITY : radius * radius);
            return;
        }
        this.#visit(2 * node + 1, x, y, radius);
        this.#visit(2 * node + 2, x, y, radius);
    }
    #collect(node, x, y, limit) {
        const found = this.#found;
        const end = this.#end[node] ?? 0;
        for (let k = this.#start[node] ?? 0; k < end; k++) {
            const squared = squaredDistance(x, y, this.#x[k] ?? 0, this.#y[k] ?? 0);
            if (squared > limit)
                continue;
            found.indices[found.count] = this.order[k] ?? 0;
            found.distances[found.count] = Math.sqrt(squared);
            found.count++;
        }
    }
}
function inOrder(values, order) {
    const sorted = new Float64Array(values.length);
    for (let k = 0; k < sorted.length; k++)
        sorted[k] = values[order[k] ?? 0] ?? 0;
    return sorted;
}
function squaredDistance(x1, y1, x2, y2) {
    const dx = x1 - x2;
    const dy = y1 - y2;
    return dx * dx + dy * dy;
}
/** Nodes of a complete tree whose leaves hold 40 to 80 points each. */
function nodeCount(points) {
    let nodes = 1;
    for (let leaves = 2; (points - 1) / LEAF_SIZE >= leaves; leaves *= 2)
        nodes = 2 * nodes + 1;
    return nodes;
}
