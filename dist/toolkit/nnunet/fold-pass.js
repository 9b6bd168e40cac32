import { ReigniteError } from '../errors.js';
import { argmaxAndMargin } from './argmax-margin.js';
import { addNormalisedRow, addTileToBand } from './band.js';
import { bytesOf } from './raw-file.js';
import { stepAfter } from './step-order.js';
import { finishedRows, startOfRow } from './tile-grid.js';
import { fillTileInput } from './tile-input.js';
import { isAnnotated, NOT_PREDICTED } from './tile-scope.js';
import { WeightSums } from './weight-sums.js';
/** Rows of the ensemble's sum that are read at once, to keep the buffer small. */
const ROWS_AT_ONCE = 16;
/** Passes that are begun before they are needed: one that the network runs, one that waits for it. */
const AHEAD = 2;
/**
 * Predicts an image tile row by tile row and fold by fold, in the order of sums of nnU-Net v1, in little memory.
 *
 * In memory lies one band: the rows of the current tile row, for one fold. Rows that a later tile row adds to are
 * carried over in a file (`carry-<row>-<fold>`), the sum of the folds' softmax in another (`ensemble-<row>-<fold>`).
 * Both are written anew every time and never changed, so that a step done twice does not add twice.
 *
 * The network is always ahead, also across steps: it has a thread of its own, and what is summed, divided, checked and
 * written here would leave the cores idle otherwise. The order of the sums is that of the tiles all the same.
 */
export class FoldPass {
    #roi;
    #networks;
    #partial;
    #beforeTile;
    #band;
    #spare;
    #weightSums;
    /** Floats of one row of the band. */
    #stride;
    /**
     * @param beforeTile - Called before every tile is awaited with its place in its step; what it throws ends the prediction
     *   behind the tile before, as soon as the passes ahead are done.
     */
    constructor(roi, networks, partial, beforeTile) {
        const { patch, padded } = roi.grid;
        this.#roi = roi;
        this.#networks = networks;
        this.#partial = partial;
        this.#beforeTile = beforeTile;
        this.#stride = padded.width * networks.classes;
        this.#band = new Float32Array(patch.height * this.#stride);
        const pixels = patch.height * patch.width;
        this.#spare = Array.from({ length: AHEAD }, () => ({
            input: sharedFloats(3 * pixels),
            softmax: sharedFloats(networks.classes * pixels),
        }));
        this.#weightSums = new WeightSums(roi.grid);
    }
    /** Does every step that is not done and commits each. */
    async run() {
        const passes = this.#passesFrom(this.#partial.next);
        const ahead = [];
        try {
            while (this.#partial.next.row < this.#roi.grid.rows.length) {
                const step = this.#partial.next;
                this.#startBand(step);
                for (const [index, left] of (this.#roi.tiles[step.row] ?? []).entries()) {
                    this.#beforeTile(step, index);
                    this.#begin(passes, ahead);
                    const buffers = await ahead.shift();
                    if (buffers === undefined)
                        throw new RangeError('Expected a pass for every tile');
                    addTileToBand(this.#band, this.#roi.grid, this.#networks.classes, left, buffers.softmax);
                    this.#spare.push(buffers);
                }
                this.#finish(step);
            }
        }
        finally {
            // The networks are the next job's when this one has ended, however it ended.
            await Promise.allSettled(ahead);
        }
    }
    /** The passes of all steps from `step` on, in their order. */
    *#passesFrom(first) {
        const rows = this.#roi.grid.rows.length;
        for (let step = first; step.row < rows; step = stepAfter(step, rows, this.#networks.folds)) {
            for (const [index, left] of (this.#roi.tiles[step.row] ?? []).entries())
                yield { step, index, left };
        }
    }
    /** Begins passes as long as there are buffers for them. */
    #begin(passes, ahead) {
        for (let buffers = this.#spare.pop(); buffers !== undefined; buffers = this.#spare.pop()) {
            const next = passes.next();
            if (next.done === true)
                return;
            const pass = this.#predict(next.value, buffers);
            // It is awaited when its turn has come: until then, nobody hears of its failure.
            pass.catch(() => undefined);
            ahead.push(pass);
        }
    }
    async #predict({ step, left }, buffers) {
        const { grid, rgb } = this.#roi;
        fillTileInput(rgb, grid, startOfRow(grid, step.row), left, buffers.input);
        await this.#networks.run(step.fold, buffers.input, buffers.softmax);
        return buffers;
    }
    #finish(step) {
        const superseded = [...this.#carryOver(step), ...this.#finishRows(step)];
        this.#partial.commit(stepAfter(step, this.#roi.grid.rows.length, this.#networks.folds), superseded);
    }
    /** Fills the band with what earlier tile rows left of it, and zeros. */
    #startBand({ row, fold }) {
        const carried = row === 0 ? 0 : this.#unfinishedAfter(row - 1) * this.#stride;
        if (carried > 0)
            this.#partial.readFloats(carryFile(row - 1, fold), 0, this.#band.subarray(0, carried));
        this.#band.fill(0, carried);
    }
    /** Writes the band's unfinished rows for the next tile row. Returns the files that this replaces. */
    #carryOver({ row, fold }) {
        const { from, to } = finishedRows(this.#roi.grid, row);
        if (this.#unfinishedAfter(row) > 0) {
            this.#partial.writeFloats(carryFile(row, fold), this.#band.subarray((to - from) * this.#stride));
        }
        return row > 0 ? [carryFile(row - 1, fold)] : [];
    }
    /** Adds the band's finished rows to the ensemble; with the last fold, decides them. Returns the files it replaces. */
    #finishRows({ row, fold }) {
        const { from, to } = finishedRows(this.#roi.grid, row);
        const finished = this.#band.subarray(0, (to - from) * this.#stride);
        const replaced = fold > 0 ? [ensembleFile(row, fold - 1)] : [];
        const before = new Float32Array(ROWS_AT_ONCE * this.#stride);
        for (let y = from; y < to; y += ROWS_AT_ONCE) {
            const rows = Math.min(ROWS_AT_ONCE, to - y);
            for (const file of replaced) {
                this.#partial.readFloats(file, (y - from) * this.#stride, before.subarray(0, rows * this.#stride));
            }
            for (let k = 0; k < rows; k++) {
                const sums = this.#weightSums.ofRow(y + k);
                addNormalisedRow(this.#rowOf(finished, y + k - from), sums, this.#networks.classes, this.#rowOf(before, k));
            }
        }
        if (fold === this.#networks.folds - 1)
            this.#decide(row, finished);
        else
            this.#partial.writeFloats(ensembleFile(row, fold), finished);
        return replaced;
    }
    /** Labels and margins of the rows that a tile row finishes, cropped to the image. */
    #decide(row, total) {
        const { grid, truth } = this.#roi;
        const { from, to } = finishedRows(grid, row);
        const { width, height } = grid.image;
        const top = Math.max(from, grid.offset.y);
        const bottom = Math.min(to, grid.offset.y + height);
        const labels = new Uint8Array(Math.max(0, bottom - top) * width);
        const margins = new Uint16Array(labels.length);
        const { classes, folds } = this.#networks;
        for (let y = top; y < bottom; y++) {
            const first = grid.offset.x * classes;
            const sums = this.#rowOf(total, y - from).subarray(first, first + width * classes);
            const at = (y - top) * width;
            const labelsOfRow = labels.subarray(at, at + width);
            const marginsOfRow = margins.subarray(at, at + width);
            if (!argmaxAndMargin(sums, classes, folds, labelsOfRow, marginsOfRow)) {
                throw new ReigniteError('INFERENCE_FAILED', `The networks gave NaN in row ${y - grid.offset.y} of the image.`);
            }
            const truthRow = truth?.subarray((y - grid.offset.y) * width, (y - grid.offset.y + 1) * width);
            if (truthRow !== undefined)
                blankUnannotated(truthRow, labelsOfRow, marginsOfRow);
        }
        this.#partial.writeBytes(labelsFile(row), labels);
        this.#partial.writeBytes(marginsFile(row), bytesOf(margins));
    }
    #rowOf(rows, index) {
        return rows.subarray(index * this.#stride, (index + 1) * this.#stride);
    }
    #unfinishedAfter(row) {
        const { from, to } = finishedRows(this.#roi.grid, row);
        return this.#roi.grid.patch.height - (to - from);
    }
}
/** Memory that a thread of networks can fill. */
function sharedFloats(length) {
    return new Float32Array(new SharedArrayBuffer(length * Float32Array.BYTES_PER_ELEMENT));
}
function blankUnannotated(truth, labels, margins) {
    truth.forEach((value, x) => {
        if (isAnnotated(value))
            return;
        labels[x] = NOT_PREDICTED;
        margins[x] = 0;
    });
}
/** The labels of the rows that a tile row finishes, uint8; those of all tile rows in turn are the image's. */
export function labelsFile(row) {
    return `labels-${row}`;
}
/** Their margins, uint16. */
export function marginsFile(row) {
    return `margins-${row}`;
}
function carryFile(row, fold) {
    return `carry-${row}-${fold}`;
}
function ensembleFile(row, fold) {
    return `ensemble-${row}-${fold}`;
}
