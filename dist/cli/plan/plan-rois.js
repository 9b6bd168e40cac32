import { detectKey, segmentKey } from '../../activities/step-keys.js';
import { differingParts } from '../../toolkit/cache/why-missed.js';
import { ReigniteError } from '../../toolkit/errors.js';
import { inside } from '../../toolkit/files/inside.js';
import { imageSize } from '../../toolkit/image/open-image.js';
import { tileStarts } from '../../toolkit/nnunet/tile-starts.js';
import { ortVersion } from '../../toolkit/onnx/ort-version.js';
import { listRois } from './list-rois.js';
/**
 * Compares every ROI of a task with the cache, as the run itself will; nothing is copied or computed.
 *
 * @returns Undefined when the list of ROIs is not here yet.
 */
export async function planRois(task, input, model, services) {
    const rois = await ifThere(() => listRois(task, input.folders.data));
    if (rois === undefined)
        return undefined;
    const plans = [];
    for (const roi of rois)
        plans.push(await planRoi(task, input, roi, model, services));
    await services.digests.save();
    return plans;
}
async function planRoi(task, input, roi, model, { cache, digests, made, signal }) {
    signal.throwIfAborted();
    const { data } = input.folders;
    const image = inside(data, roi.image);
    const imageSha256 = await ifThere(() => digests.sha256(image, signal));
    const truthSha256 = await ifThere(() => digests.sha256(inside(data, roi.truth), signal));
    if (imageSha256 === undefined || truthSha256 === undefined)
        return outstanding(roi.roi, 'its files are not here yet');
    const size = await imageSize(image).catch(() => undefined);
    const tiles = size === undefined ? {} : { tiles: tilesOf(task, size, model) };
    if (model.digest === undefined) {
        const own = input.config[task].model !== undefined;
        return outstanding(roi.roi, own ? 'a model of your own is looked up when the run begins' : 'no model here yet', tiles);
    }
    const ref = { digest: model.digest };
    const keys = providersOf(input).map((provider) => {
        const engine = { provider, ortVersion: ortVersion(), engine: input.config.inference.engine };
        return task === 'he'
            ? segmentKey({ imageSha256, truthSha256, model: ref, engine, scope: input.config.he.scope })
            : detectKey({ task, imageSha256, box: roi.box, model: ref, engine });
    });
    for (const parts of keys) {
        if ((await cache.find(cache.keyOf(parts))) !== undefined)
            return { roi: roi.roi, state: 'cached', ...tiles };
    }
    return outstanding(roi.roi, reasonOf(made, keys.at(-1), cache), tiles);
}
function outstanding(roi, reason, tiles = {}) {
    return { roi, state: 'outstanding', reason, ...tiles };
}
/** `auto` takes the first that works; which one that is, only the worker can say. */
function providersOf({ config }) {
    const { provider } = config.inference;
    return provider === 'auto' ? ['cuda', 'cpu'] : [provider];
}
function reasonOf(made, wanted, cache) {
    const other = wanted === undefined ? undefined : differingParts(made, cache.completed(wanted));
    return other === undefined ? 'never computed here' : `computed before with another ${other.join(', ')}`;
}
function tilesOf(task, { width, height }, { patch, folds }) {
    const [tall, wide] = patch;
    if (task !== 'he')
        return Math.ceil(height / tall) * Math.ceil(width / wide);
    return tileStarts(Math.max(height, tall), tall).length * tileStarts(Math.max(width, wide), wide).length * folds;
}
async function ifThere(read) {
    try {
        return await read();
    }
    catch (error) {
        if (error instanceof ReigniteError && error.code === 'FILE_MISSING')
            return undefined;
        throw error;
    }
}
