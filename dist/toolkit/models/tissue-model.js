import { copyFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ReigniteError } from '../errors.js';
import { replaceFile, writeFileAtomic } from '../files/atomic-write.js';
import { sha256OfFile } from '../files/hash-file.js';
import { convertModel, modelDigest, readModelCard } from '../nnunet/convert-model.js';
import { findModelFolder } from '../nnunet/find-model-folder.js';
import { CARD_FILE, ModelCard } from '../nnunet/model-card.js';
import { listFolds } from '../nnunet/model-folds.js';
import { labelValues } from '../nnunet/own-network.js';
import { takeOwnModel } from '../onnx/own-model.js';
import { parseSidecar, readSidecarJson, SegmentationSidecar } from '../onnx/sidecar.js';
/**
 * Makes a segmentation model of anybody's ready: an nnU-Net v1 folder is converted once for every content.
 *
 * @param path - Folder that holds `fold_0` and so on; one of these folds; or an .onnx file with its sidecar.
 * @param models - Folder of converted models.
 * @throws ReigniteError FILE_MISSING, FOLD_MISSING, SIDECAR_INVALID, MODEL_UNREADABLE, or what the conversion throws.
 */
export async function prepareTissueModel(path, models, { signal, onProgress } = {}) {
    if (/\.onnx$/i.test(path))
        return prepareOnnx(path, models, signal);
    const source = await sourceOf(path);
    const digest = await modelDigest(source.folder, source.folds, signal, source.name);
    const modelDir = join(models, digest);
    const known = await readModelCard(modelDir).catch(() => undefined);
    const card = known ??
        (await convertModel({
            ...source,
            out: modelDir,
            ...(signal && { signal }),
            ...(onProgress && { onProgress }),
        }));
    return { digest, modelDir, classes: card.classes, folds: card.folds.length, cached: known !== undefined };
}
/** An ONNX file: one fold that `model convert` wrote, by its card, or any other model, by its sidecar. */
async function prepareOnnx(path, models, signal) {
    const json = await readSidecarJson(path);
    const converted = ModelCard.safeParse(json).data;
    if (converted !== undefined)
        return takeConverted(path, converted, models, signal);
    const { card, folder, cached } = await takeOwnModel(path, parseSidecar(path, json, SegmentationSidecar), models, signal);
    const { sidecar } = card;
    if (sidecar.kind !== 'segmentation')
        throw new ReigniteError('SIDECAR_INVALID', `${path} is no segmentation.`);
    const values = labelValues(sidecar);
    const labels = sidecar.labels.map(({ name, colour }, channel) => ({
        name,
        colour,
        value: values[channel] ?? channel,
    }));
    return { digest: card.digest, modelDir: folder, classes: Math.max(...values) + 1, folds: 1, labels, cached };
}
async function takeConverted(path, card, models, signal) {
    const [fold, ...others] = card.folds;
    if (fold === undefined || others.length > 0 || (await sha256OfFile(path, signal)) !== fold.sha256) {
        throw new ReigniteError('SIDECAR_INVALID', `The card beside ${path} is of another model.`);
    }
    const modelDir = join(models, card.digest);
    const known = await readModelCard(modelDir).catch(() => undefined);
    if (known === undefined) {
        await replaceFile(join(modelDir, fold.file), (temporary) => copyFile(path, temporary));
        await writeFileAtomic(join(modelDir, CARD_FILE), `${JSON.stringify(card, null, 2)}\n`);
    }
    return { digest: card.digest, modelDir, classes: card.classes, folds: 1, cached: known !== undefined };
}
/** A single fold is a model too. */
async function sourceOf(path) {
    const found = await stat(path).catch(() => undefined);
    if (found === undefined)
        throw new ReigniteError('FILE_MISSING', `There is no model ${path}.`);
    if (!found.isDirectory()) {
        throw new ReigniteError('CHECKPOINT_UNSUPPORTED', `${path} is no segmentation model.`, {
            remedy: 'Name an nnU-Net v1 folder (the one that holds fold_0), or an .onnx file with its sidecar.',
        });
    }
    const fold = /^fold_(\d+)$/.exec(basename(path))?.[1];
    if (fold === undefined) {
        const own = await listFolds(path).catch(() => undefined);
        if (own !== undefined)
            return { folder: path, ...own };
        const folder = await findModelFolder(path);
        return { folder, ...(await listFolds(folder)) };
    }
    const { folds, name } = await listFolds(dirname(path));
    if (folds.includes(Number(fold)))
        return { folder: dirname(path), folds: [Number(fold)], name };
    throw new ReigniteError('FOLD_MISSING', `${path} holds no ${name}.model.`);
}
