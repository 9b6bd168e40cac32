/** Cells for each point at most: points that lie far apart get larger cells, not more. */
const CELLS_PER_POINT = 4;
/**
 * Points in square cells, listed cell by cell and row by row: a neighbourhood of three rows of cells is three runs of
 * the list.
 */
export class PointGrid {
    /** Indices of the points, cell by cell. */
    order;
    /** Coordinates in that order, in px. */
    x;
    y;
    #side;
    #left;
    #top;
    #columns;
    #rows;
    /** Of each cell where it begins in the list; one more for the end. */
    #starts;
    /**
     * @param points - Finite coordinates in px; at least one.
     * @param side - Least side of a cell in px; above 0.
     */
    constructor(points, side) {
        const count = points.length;
        let [left, right, top, bottom] = [Infinity, -Infinity, Infinity, -Infinity];
        for (const { x, y } of points) {
            if (x < left)
                left = x;
            if (x > right)
                right = x;
            if (y < top)
                top = y;
            if (y > bottom)
                bottom = y;
        }
        const [width, height] = [right - left, bottom - top];
        const most = CELLS_PER_POINT * count;
        this.#side = Math.max(side, Math.sqrt((width * height) / most), width / most, height / most);
        this.#left = left;
        this.#top = top;
        this.#columns = Math.floor(width / this.#side) + 1;
        this.#rows = Math.floor(height / this.#side) + 1;
        this.#starts = new Int32Array(this.#columns * this.#rows + 1);
        this.order = new Int32Array(count);
        this.x = new Float64Array(count);
        this.y = new Float64Array(count);
        this.#fill(points);
    }
    /** Row of cells that a height falls into; may lie outside the grid. */
    rowOf(y) {
        return Math.floor((y - this.#top) / this.#side);
    }
    /** Where the run of a row of cells begins, from the cell left of `x` on. */
    runStart(row, x) {
        const column = Math.min(Math.max(this.#columnOf(x) - 1, 0), this.#columns);
        return this.#startOf(row, column);
    }
    /** Where that run ends (exclusive), the cell right of `x` included. */
    runEnd(row, x) {
        const column = Math.min(Math.max(this.#columnOf(x) + 2, 0), this.#columns);
        return this.#startOf(row, column);
    }
    #startOf(row, column) {
        if (row < 0 || row >= this.#rows)
            return 0;
        return this.#starts[row * this.#columns + column] ?? 0;
    }
    #columnOf(x) {
        return Math.floor((x - this.#left) / this.#side);
    }
    /** A counting sort by cell, which keeps the order of the points within one. */
    #fill(points) {
        const starts = this.#starts;
        const cells = Int32Array.from(points, ({ x, y }) => this.rowOf(y) * this.#columns + this.#columnOf(x));
        for (const cell of cells)
            starts[cell + 1] = (starts[cell + 1] ?? 0) + 1;
        for (let cell = 1; cell < starts.length; cell++)
            starts[cell] = (starts[cell] ?? 0) + (starts[cell - 1] ?? 0);
        const next = starts.slice();
        for (let index = 0; index < cells.length; index++) {
            const cell = cells[index] ?? 0;
            const place = next[cell] ?? 0;
            next[cell] = place + 1;
            this.order[place] = index;
            this.x[place] = points[index]?.x ?? 0;
            this.y[place] = points[index]?.y ?? 0;
        }
    }
}
