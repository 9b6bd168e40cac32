import { rm } from 'node:fs/promises';
import { ReigniteError } from '../errors.js';
import { writeFileAtomic } from '../files/atomic-write.js';
import { decodeRgb } from '../image/decode-rgb.js';
import { writeNpy } from '../numpy/npy.js';
import { areFinite, readCandidates } from './candidates.js';
import { encodeCandidates } from './candidates-file.js';
import { fillTile, imageTiles } from './image-tiles.js';
import { judgeTile } from './judge-tile.js';
import { BOX_COLUMNS } from './modules/detect.js';
import { PartialDetection } from './partial-detection.js';
import { roundedCoordinate } from './points.js';
/** Candidates below the confidence are recorded too, down to this score. */
const RECORDED_SCORE = 0.25;
/** The score above which candidates are read and recorded, at a given confidence. */
export function recordedScore(confidence) {
    return Math.min(RECORDED_SCORE, confidence);
}
/**
 * Detects cells in one image as the authors' scripts do: tiles side by side, non-maximum suppression in each, centres
 * within the annotated box.
 *
 * The candidates of every finished tile are committed to `job.partialDir`; the next call goes on behind them, and its
 * result is the same bit by bit. The points and the candidates appear when all tiles are done.
 *
 * @param identity - What the candidates depend on besides the image.
 * @throws ReigniteError IMAGE_UNREADABLE, FILE_MISSING, INFERENCE_FAILED, NO_SPACE, NOT_WRITABLE; the signal's reason.
 */
export async function detectImage(job, model, identity, { signal, onProgress } = {}) {
    signal?.throwIfAborted();
    const rgb = await decodeRgb(job.image);
    const { width, height } = rgb;
    const tiles = imageTiles(rgb, model.size);
    const partial = await PartialDetection.open(job.partialDir, identity);
    const reader = new TileReader(rgb, model, partial, recordedScore(job.confidence));
    const judged = [];
    for (const tile of tiles) {
        signal?.throwIfAborted();
        onProgress?.({ phase: 'detect', tile: tile.index, of: tiles.length });
        judged.push(judgeTile(await reader.read(tile), tile, job));
    }
    onProgress?.({ phase: 'write', tile: tiles.length, of: tiles.length });
    const rows = rowsOf(judged);
    const points = judged.flatMap((tile) => tile.points);
    await writeFileAtomic(job.candidates, encodeCandidates({ ...headOf(job, model, rgb), candidates: rows }));
    await writePoints(job.points, points);
    await partial.remove();
    return {
        width,
        height,
        tiles: tiles.length,
        resumed: reader.resumed,
        points: points.length,
        candidates: rows.length,
        notes: [...rgb.notes, ...paddingNote(rgb, model.size)],
    };
}
/** Gives the candidates of tiles: those on disk, or what the network says, put on disk. */
class TileReader {
    #rgb;
    #model;
    #partial;
    #floor;
    #input;
    #head;
    /** Tiles that were on disk. */
    resumed = 0;
    constructor(rgb, model, partial, floor) {
        this.#rgb = rgb;
        this.#model = model;
        this.#partial = partial;
        this.#floor = floor;
        this.#input = new Float32Array(3 * model.size * model.size);
        this.#head = new Float32Array(model.rows * (BOX_COLUMNS + model.classes.length));
    }
    async read(tile) {
        const present = await this.#partial.read(tile.index);
        if (present !== undefined) {
            this.resumed++;
            return present;
        }
        fillTile(this.#rgb, tile, this.#model.size, this.#input);
        await this.#model.run(this.#input, this.#head);
        const candidates = readCandidates(this.#head, this.#model.classes.length, this.#floor);
        if (!areFinite(candidates)) {
            const where = `the tile at ${tile.left}, ${tile.top} px`;
            throw new ReigniteError('INFERENCE_FAILED', `The network gave boxes that are not finite for ${where}.`);
        }
        await this.#partial.write(tile.index, candidates);
        return candidates;
    }
}
/** Rows of all tiles one behind the other; indices within a tile become rows of the file. */
function rowsOf(tiles) {
    const rows = [];
    for (const tile of tiles) {
        const before = rows.length;
        for (const [number, label, score, x1, y1, x2, y2, outcome] of tile.rows) {
            rows.push([number, label, score, x1, y1, x2, y2, typeof outcome === 'number' ? before + outcome : outcome]);
        }
    }
    return rows;
}
function headOf({ confidence, iou, box }, model, { width, height }) {
    return {
        schema: 1,
        model: model.digest,
        width,
        height,
        tile: model.size,
        classes: [...model.classes],
        confidence,
        iou,
        recorded: recordedScore(confidence),
        box: box === undefined ? null : [...box],
    };
}
/** An image without points has no file, as in the record. */
async function writePoints(path, points) {
    if (points.length === 0)
        return rm(path, { force: true });
    const data = Float32Array.from(points.flatMap(({ x, y, label }) => [roundedCoordinate(x), roundedCoordinate(y), label]));
    await writeNpy(path, { dtype: 'float32', shape: [points.length, 3], data });
}
function paddingNote({ width, height }, size) {
    const [paddedWidth, paddedHeight] = [Math.ceil(width / size) * size, Math.ceil(height / size) * size];
    if (paddedWidth === width && paddedHeight === height)
        return [];
    return [`padded with black on the right and below to ${paddedWidth} x ${paddedHeight} px`];
}
