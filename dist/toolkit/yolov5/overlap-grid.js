/** Most cells along an axis; the far border is a cell of its own. */
const CELLS = 64;
const STRIDE = CELLS + 1;
/** Boxes that a list of a cell has room for before it must grow, in all cells together, per box. */
const ROOM_PER_BOX = 4;
/**
 * Boxes in the order in which they are added, with a grid over them so that a box is compared only with those near it.
 * Areas and overlaps are float32 as torchvision computes them.
 *
 * The boxes of a cell are a linked list within two flat arrays: thousands of small arrays cost more than the search.
 */
export class OverlapGrid {
    #corners;
    #areas;
    /** Of each cell its first and last entry, counted from 1; 0 for none. */
    #first = new Int32Array(STRIDE * STRIDE);
    #last = new Int32Array(STRIDE * STRIDE);
    /** Of each entry its box and the entry behind it. */
    #box;
    #next;
    #entries = 0;
    #left;
    #top;
    #side;
    /** Rank of each added box; the best overlapping one is that of the lowest. */
    #ranks;
    #size = 0;
    /** @param corners - All boxes that may be added or asked about, n x 4: x1, y1, x2, y2; finite, 2^22 at most. */
    constructor(corners) {
        const count = corners.length / 4;
        this.#corners = corners;
        this.#areas = new Float32Array(count);
        this.#ranks = new Int32Array(count);
        this.#box = new Int32Array(ROOM_PER_BOX * count + 1);
        this.#next = new Int32Array(ROOM_PER_BOX * count + 1);
        let [left, top, right, bottom, sides] = [0, 0, 0, 0, 0];
        for (let index = 0; index < count; index++) {
            const at = 4 * index;
            const x1 = corners[at] ?? 0;
            const y1 = corners[at + 1] ?? 0;
            const x2 = corners[at + 2] ?? 0;
            const y2 = corners[at + 3] ?? 0;
            this.#areas[index] = Math.fround(x2 - x1) * Math.fround(y2 - y1);
            if (x1 < left)
                left = x1;
            if (y1 < top)
                top = y1;
            if (x2 > right)
                right = x2;
            if (y2 > bottom)
                bottom = y2;
            sides += Math.abs(x2 - x1) + Math.abs(y2 - y1);
        }
        this.#left = left;
        this.#top = top;
        this.#side = Math.max(Math.max(right - left, bottom - top) / CELLS, sides / (2 * count || 1), 1);
    }
    /** Boxes added. */
    get size() {
        return this.#size;
    }
    add(index) {
        this.#ranks[index] = this.#size++;
        const at = 4 * index;
        const left = this.#column(at);
        const right = this.#column(at + 2);
        const bottom = this.#row(at + 3);
        for (let row = this.#row(at + 1); row <= bottom; row++) {
            for (let column = left; column <= right; column++)
                this.#append(row * STRIDE + column, index);
        }
    }
    /**
     * The first added box whose IoU with this one is above `iou`.
     *
     * @param iou - At least 0: boxes that do not meet are never found.
     */
    firstOverlapping(index, iou) {
        const boxes = this.#box;
        const next = this.#next;
        const ranks = this.#ranks;
        let found = -1;
        let rank = this.#size;
        const at = 4 * index;
        const left = this.#column(at);
        const right = this.#column(at + 2);
        const bottom = this.#row(at + 3);
        for (let row = this.#row(at + 1); row <= bottom; row++) {
            for (let column = left; column <= right; column++) {
                let entry = this.#first[row * STRIDE + column] ?? 0;
                while (entry !== 0) {
                    const other = boxes[entry] ?? 0;
                    if ((ranks[other] ?? 0) >= rank)
                        break;
                    if (this.#iou(other, index) > iou) {
                        found = other;
                        rank = ranks[other] ?? 0;
                        break;
                    }
                    entry = next[entry] ?? 0;
                }
            }
        }
        return found === -1 ? undefined : found;
    }
    #iou(one, other) {
        const corners = this.#corners;
        const a = 4 * one;
        const b = 4 * other;
        const x1 = Math.max(corners[a] ?? 0, corners[b] ?? 0);
        const x2 = Math.min(corners[a + 2] ?? 0, corners[b + 2] ?? 0);
        if (x2 <= x1)
            return 0;
        const y1 = Math.max(corners[a + 1] ?? 0, corners[b + 1] ?? 0);
        const y2 = Math.min(corners[a + 3] ?? 0, corners[b + 3] ?? 0);
        if (y2 <= y1)
            return 0;
        const inter = Math.fround(Math.fround(x2 - x1) * Math.fround(y2 - y1));
        const both = Math.fround((this.#areas[one] ?? 0) + (this.#areas[other] ?? 0));
        return Math.fround(inter / Math.fround(both - inter));
    }
    #append(cell, index) {
        const entry = ++this.#entries;
        if (entry === this.#box.length) {
            this.#box = doubled(this.#box);
            this.#next = doubled(this.#next);
        }
        this.#box[entry] = index;
        const last = this.#last[cell] ?? 0;
        if (last === 0)
            this.#first[cell] = entry;
        else
            this.#next[last] = entry;
        this.#last[cell] = entry;
    }
    #column(corner) {
        return Math.floor(((this.#corners[corner] ?? 0) - this.#left) / this.#side);
    }
    #row(corner) {
        return Math.floor(((this.#corners[corner] ?? 0) - this.#top) / this.#side);
    }
}
function doubled(values) {
    const larger = new Int32Array(2 * values.length);
    larger.set(values);
    return larger;
}
