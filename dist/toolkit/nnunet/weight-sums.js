/**
 * The weights of all tiles summed over each pixel, in float32 and in the order in which the tiles are predicted (tile
 * rows outer, columns inner): the divisor of the blended softmax, the same for every fold and class.
 *
 * Rows are kept until as many others were asked for as a tile has rows, so that the folds share the work.
 */
export class WeightSums {
    #grid;
    #kept;
    #rows;
    constructor(grid) {
        this.#grid = grid;
        this.#kept = new Float32Array(grid.patch.height * grid.padded.width);
        this.#rows = new Int32Array(grid.patch.height).fill(-1);
    }
    /**
     * @param y - Row of the padded image in px.
     * @returns padded.width float32, above 0; to be read at once.
     */
    ofRow(y) {
        const slot = y % this.#rows.length;
        const width = this.#grid.padded.width;
        const sums = this.#kept.subarray(slot * width, (slot + 1) * width);
        if (this.#rows[slot] !== y) {
            sumWeights(this.#grid, y, sums);
            this.#rows[slot] = y;
        }
        return sums;
    }
}
function sumWeights({ patch, rows, columns, weights }, y, sums) {
    sums.fill(0);
    for (const top of rows) {
        const i = y - top;
        if (i < 0 || i >= patch.height)
            continue;
        for (const left of columns) {
            for (let j = 0; j < patch.width; j++) {
                sums[left + j] = (sums[left + j] ?? 0) + (weights[i * patch.width + j] ?? 0);
            }
        }
    }
}
