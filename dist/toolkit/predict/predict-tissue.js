import { join } from 'node:path';
import { drawTissueOverlay } from '../figures/prediction-overlay.js';
import { writeRegions } from '../geojson/write-regions.js';
import { decodeLabels } from '../image/decode-labels.js';
import { encodeLabels } from '../image/encode-grey.js';
import { encodeIndexed } from '../image/encode-indexed.js';
import { NOT_PREDICTED } from '../nnunet/tile-scope.js';
import { describeInferred, inferOnce } from './infer-once.js';
import { readInput } from './input-image.js';
import { classAreas } from './label-counts.js';
import { networkImage } from './network-image.js';
import { tissueFiles } from './prediction.js';
import { resizeLabels } from './resize-labels.js';
/** Raised whenever the same image and model would give another mask. */
const SCHEMA = 1;
const MASK = 'mask.png';
const MARGIN = 'margin.png';
/**
 * Segments an image of the user's: mask, the same in colours, margins, overlay, outlines, areas.
 *
 * Safe to kill anywhere: finished tile rows wait in the home, and what the network made is kept there.
 *
 * @throws ReigniteError IMAGE_UNREADABLE, FILE_MISSING, INFERENCE_FAILED, NO_SPACE, NOT_WRITABLE; the signal's reason.
 */
export async function predictTissue(job, segmenter, services, options = {}) {
    const input = await readInput(job.image);
    const seen = await networkImage(input, job.choices, options.signal);
    const inferred = await inferOnce(keyOf(job, seen), services, options, (work) => segment(job, seen, segmenter, work, options));
    options.signal?.throwIfAborted();
    options.onProgress?.({ phase: 'draw' });
    const files = tissueFiles(job.name);
    const made = await writeOutputs(job, seen, services.cache, inferred.entry, files);
    return { ...describeInferred(job, input, seen, inferred), ...made, files };
}
function keyOf({ model, engine }, { sha256, size, isResampled }) {
    return {
        step: 'predict-tissue',
        schema: SCHEMA,
        image: sha256,
        size: isResampled ? `${size.width} x ${size.height}` : 'own',
        model: model.digest,
        provider: engine.provider,
        ortVersion: engine.ortVersion,
        engine: 'exact',
        precision: 'float32',
    };
}
async function segment({ model, session }, seen, segmenter, work, { signal, onProgress }) {
    const outputs = { mask: join(work, MASK), margin: join(work, MARGIN) };
    const { provider, seconds, notes } = await segmenter.segment({
        ...session,
        ...outputs,
        image: await seen.write(work),
        modelDir: model.modelDir,
        partialDir: join(work, 'partial'),
        scope: 'full',
    }, { ...(signal && { signal }), ...(onProgress && { onProgress }) });
    return { files: { [MASK]: outputs.mask, [MARGIN]: outputs.margin }, facts: { provider, seconds, notes: [...notes] } };
}
async function writeOutputs({ image, out, classes, choices }, { isResampled, original }, cache, entry, files) {
    const path = (file) => join(out, file);
    const mask = resizeLabels(await decodeLabels(cache.pathOf(entry.key, MASK)), original);
    if (isResampled)
        await encodeLabels(path(files.mask), mask);
    else
        await cache.restore(entry.key, MASK, path(files.mask));
    await cache.restore(entry.key, MARGIN, path(files.margin));
    await encodeIndexed(path(files.coloured), mask, paletteOf(classes));
    await drawTissueOverlay(image, mask, drawn(classes), path(files.overlay));
    const regions = await writeRegions(path(files.polygons), mask, {
        classes: drawn(classes),
        simplify: choices.simplify,
        minArea: choices.minArea,
        ...(choices.mpp !== undefined && { mpp: choices.mpp }),
    });
    return { areas: classAreas(mask.data, classes, choices.mpp), regions };
}
/** Label 0 stands for "nothing said": it has no outline and is not drawn. */
function drawn(classes) {
    return new Map([...classes].filter(([value]) => value !== 0 && value !== NOT_PREDICTED));
}
function paletteOf(classes) {
    const most = Math.max(...classes.keys());
    return Array.from({ length: most + 1 }, (_, value) => classes.get(value)?.color ?? [0, 0, 0]);
}
