/** Directions along the edges of pixels; adding one turns right as seen on a screen. */
const UP = 3;
const STEP_X = [1, 0, -1, 0];
const STEP_Y = [0, 1, 0, -1];
/** From a corner, heading each way: the pixel ahead on the left, and the one ahead on the right. */
const AHEAD_LEFT = [
    [0, -1],
    [0, 0],
    [-1, 0],
    [-1, -1],
];
const AHEAD_RIGHT = [
    [0, 0],
    [-1, 0],
    [-1, -1],
    [0, -1],
];
/** Follows the borders of regions along the edges of pixels, the region on the right hand. */
export class RingTracer {
    #runs;
    #regionOf;
    /** @param regionOf - Gets the region of every run whose left edge is passed. */
    constructor(runs, regionOf) {
        this.#runs = runs;
        this.#regionOf = regionOf;
    }
    /**
     * Follows one border, beginning with the left edge of pixel (x, y), upwards. Of two pixels of the label that touch
     * at a corner only, the border keeps to its own.
     *
     * @param onRing - Gets each simple ring of it: corners from index `from` on; the array is used again afterwards.
     */
    trace(x, y, label, region, onRing) {
        const runs = this.#runs;
        const corners = [];
        /** Corners at which the border may touch itself, by place, with their index. */
        const pinches = new Map();
        let [atX, atY, heading] = [x, y, UP];
        this.#pass(atX, atY, region);
        for (;;) {
            const [leftX, leftY] = AHEAD_LEFT[heading] ?? AHEAD_LEFT[0];
            const [rightX, rightY] = AHEAD_RIGHT[heading] ?? AHEAD_RIGHT[0];
            const isLeft = runs.labelAt(atX + leftX, atY + leftY) === label;
            const isRight = runs.labelAt(atX + rightX, atY + rightY) === label;
            if (!isRight || isLeft) {
                if (isLeft && !isRight)
                    cutAtPinch(corners, pinches, atX, atY, runs.width, onRing);
                else
                    corners.push(atX, atY);
                heading = (heading + (isRight ? 3 : 1)) % 4;
            }
            if (heading === UP && atX === x && atY === y + 1)
                break;
            atX += STEP_X[heading] ?? 0;
            atY += STEP_Y[heading] ?? 0;
            if (heading === UP)
                this.#pass(atX, atY, region);
        }
        onRing(corners, 0);
    }
    #pass(x, y, region) {
        this.#regionOf[this.#runs.runAt(x, y)] = region;
    }
}
/** The second time that a border comes by a corner, what lies between is a ring of its own. */
function cutAtPinch(corners, pinches, x, y, width, onRing) {
    const place = y * (width + 1) + x;
    const first = pinches.get(place);
    if (first === undefined) {
        pinches.set(place, corners.length);
        corners.push(x, y);
        return;
    }
    onRing(corners, first);
    corners.length = first + 2;
}
