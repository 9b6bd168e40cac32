import { ReigniteError } from '../errors.js';
import { decodeLabels } from '../image/decode-labels.js';
import { decodeRgb } from '../image/decode-rgb.js';
import { encodeGrey16FromFiles, encodeLabelsFromFiles } from '../image/encode-grey.js';
import { FoldPass, labelsFile, marginsFile } from './fold-pass.js';
import { PartialRoi } from './partial-roi.js';
import { stepsBefore } from './step-order.js';
import { tileGrid } from './tile-grid.js';
import { tilesInScope } from './tile-scope.js';
/**
 * Segments one ROI as nnU-Net v1 does: sliding window, Gaussian blending a fold, mean of the folds' softmax, argmax.
 *
 * A group of tile rows at a time, within it fold by fold, within that row by row and tile by tile (step-order.ts).
 * Every step of a row and a fold is committed
 * to `job.partialDir`; the next call goes on behind it, and its result is the same bit by bit. `mask` and `margin`
 * appear when both are complete.
 *
 * @param identity - What the numbers depend on besides image and scope, which are `job`'s.
 * @throws ReigniteError IMAGE_UNREADABLE, FILE_MISSING, SIZE_MISMATCH, INFERENCE_FAILED, NO_SPACE, NOT_WRITABLE;
 *   the signal's reason.
 */
export async function segmentRoi(job, networks, identity, { signal, onProgress } = {}) {
    signal?.throwIfAborted();
    const { roi, notes } = await readRoi(job, networks);
    const partial = PartialRoi.open(job.partialDir, identity);
    const resumedFrom = partial.next;
    await predict(roi, networks, partial, { ...(signal && { signal }), ...(onProgress && { onProgress }) });
    // The networks' memory is given back before the masks take theirs.
    await networks.relax();
    const size = roi.grid.image;
    onProgress?.(progressOf('encode', roi, networks, partial.next, 0));
    await partial.reading(() => encode(job, roi, partial));
    partial.remove();
    const isResumed = resumedFrom.row > 0 || resumedFrom.fold > 0;
    return {
        ...size,
        tiles: countTiles(roi.tiles),
        tilesTotal: roi.grid.rows.length * roi.grid.columns.length,
        ...(isResumed && { resumedFrom }),
        notes,
    };
}
async function readRoi({ image, truth, scope, rounding }, networks) {
    const rgb = await decodeRgb(image);
    const grid = tileGrid({ height: rgb.height, width: rgb.width }, networks.patch, rounding);
    if (scope === 'full')
        return { roi: { grid, rgb: rgb.data, tiles: tilesInScope(grid) }, notes: rgb.notes };
    const labels = await readTruth(truth, image, rgb);
    return { roi: { grid, rgb: rgb.data, truth: labels, tiles: tilesInScope(grid, labels) }, notes: rgb.notes };
}
async function readTruth(truth, image, { width, height }) {
    if (truth === undefined) {
        throw new ReigniteError('FILE_MISSING', `The scope annotated of ${image} needs the ROI's label mask.`);
    }
    const labels = await decodeLabels(truth);
    if (labels.width !== width || labels.height !== height) {
        throw new ReigniteError('SIZE_MISMATCH', `The image ${image} has ${width} x ${height} px, its mask ${truth} ${labels.width} x ${labels.height} px.`);
    }
    return labels.data;
}
async function predict(roi, networks, partial, { signal, onProgress }) {
    const pass = new FoldPass(roi, networks, partial, (step, index) => {
        signal?.throwIfAborted();
        onProgress?.(progressOf('predict', roi, networks, step, index));
    });
    await pass.run();
}
async function encode({ mask, margin }, { grid }, partial) {
    const rows = grid.rows.map((_, row) => row);
    await encodeLabelsFromFiles(mask, { ...grid.image, parts: rows.map((row) => partial.pathOf(labelsFile(row))) });
    await encodeGrey16FromFiles(margin, { ...grid.image, parts: rows.map((row) => partial.pathOf(marginsFile(row))) });
}
function progressOf(phase, { grid, tiles }, { folds }, { row, fold }, done) {
    let before = 0;
    for (const step of stepsBefore({ row, fold }, grid.rows.length, folds))
        before += tiles[step.row]?.length ?? 0;
    return { phase, tile: before + done, of: countTiles(tiles) * folds, row, rows: grid.rows.length, fold };
}
function countTiles(tiles) {
    return tiles.reduce((count, columns) => count + columns.length, 0);
}
