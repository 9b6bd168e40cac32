const FIRST_CAPACITY = 4_096;
/**
 * Rings of many regions in two typed arrays: millions of corners as objects would not fit the memory.
 * Corners are x, y in px; a ring is not closed here (its first corner is not said again).
 */
export class RingStore {
    #corners = new Int32Array(2 * FIRST_CAPACITY);
    #used = 0;
    /** Region and end of every ring, alternating. */
    #rings = new Uint32Array(2 * FIRST_CAPACITY);
    #count = 0;
    get count() {
        return this.#count;
    }
    /** @param corners - x, y, x, y, ... of a ring. */
    add(region, corners, from = 0) {
        const length = corners.length - from;
        while (this.#used + length > this.#corners.length)
            this.#corners = grown(this.#corners, Int32Array);
        if (2 * this.#count + 2 > this.#rings.length)
            this.#rings = grown(this.#rings, Uint32Array);
        for (let at = from; at < corners.length; at++)
            this.#corners[this.#used++] = corners[at] ?? 0;
        this.#rings[2 * this.#count] = region;
        this.#rings[2 * this.#count + 1] = this.#used;
        this.#count++;
    }
    regionOf(ring) {
        return this.#rings[2 * ring] ?? 0;
    }
    /** A ring, valid until the next is added. */
    ringAt(ring) {
        const from = ring === 0 ? 0 : (this.#rings[2 * ring - 1] ?? 0);
        return { corners: this.#corners, from, to: this.#rings[2 * ring + 1] ?? 0 };
    }
}
function grown(before, make) {
    const after = new make(2 * before.length);
    after.set(before);
    return after;
}
/**
 * Twice the signed area of a ring in px², by the numbers alone: positive where x to the right and y upwards would have
 * it counter-clockwise, which on a screen, y downwards, is clockwise.
 */
export function doubleArea({ corners, from, to }) {
    let sum = 0;
    for (let at = from; at < to; at += 2) {
        const next = at + 2 === to ? from : at + 2;
        sum += (corners[at] ?? 0) * (corners[next + 1] ?? 0) - (corners[next] ?? 0) * (corners[at + 1] ?? 0);
    }
    return sum;
}
