/** Places that a viewer leads to at most. */
const MOST_SPOTS = 12;
/** Side of a place in px. */
const SIDE = 64;
/** Gathers what lies near each other into places; those that hold most come first. */
export class SpotFinder {
    #cells = new Map();
    /** @param x - px from the left edge; `y` from the upper one. */
    add(x, y) {
        const key = `${Math.floor(x / SIDE)} ${Math.floor(y / SIDE)}`;
        const cell = this.#cells.get(key);
        if (cell === undefined)
            this.#cells.set(key, { x, y, count: 1 });
        else {
            cell.x += x;
            cell.y += y;
            cell.count++;
        }
    }
    spots() {
        return [...this.#cells.values()]
            .sort((a, b) => b.count - a.count || a.y - b.y || a.x - b.x)
            .slice(0, MOST_SPOTS)
            .map(({ x, y, count }) => ({ x: Math.round(x / count), y: Math.round(y / count), count }));
    }
}
