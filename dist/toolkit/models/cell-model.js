import { copyFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ReigniteError } from '../errors.js';
import { replaceFile, writeFileAtomic } from '../files/atomic-write.js';
import { sha256OfFile } from '../files/hash-file.js';
import { takeOwnModel } from '../onnx/own-model.js';
import { DetectionSidecar, parseSidecar, readSidecarJson } from '../onnx/sidecar.js';
import { convertDetector, detectorDigest, readDetectorCard } from '../yolov5/convert-detector.js';
import { CARD_FILE, DetectorCard } from '../yolov5/detector-card.js';
/**
 * Makes a detector of anybody's ready: a YOLOv5 checkpoint is converted once for every content.
 *
 * @param path - YOLOv5 .pt, or an .onnx file with its sidecar.
 * @param models - Folder of converted models.
 * @throws ReigniteError FILE_MISSING, SIDECAR_INVALID, MODEL_UNREADABLE, or what the conversion throws.
 */
export async function prepareCellModel(path, models, { signal } = {}) {
    const found = await stat(path).catch(() => undefined);
    if (found === undefined)
        throw new ReigniteError('FILE_MISSING', `There is no model ${path}.`);
    if (found.isDirectory()) {
        throw new ReigniteError('CHECKPOINT_UNSUPPORTED', `${path} is a folder and no detector.`, {
            remedy: 'Name a YOLOv5 .pt file, or an .onnx file with its sidecar.',
        });
    }
    if (/\.onnx$/i.test(path))
        return prepareOnnx(path, models, signal);
    const digest = await detectorDigest(path, undefined, signal);
    const modelDir = join(models, digest);
    const known = await readDetectorCard(modelDir).catch(() => undefined);
    const { classes } = known ?? (await convertDetector({ checkpoint: path, out: modelDir, ...(signal && { signal }) }));
    return { digest, modelDir, classes, cached: known !== undefined };
}
/** An ONNX file: one that `model convert` wrote, by its card, or any other detector, by its sidecar. */
async function prepareOnnx(path, models, signal) {
    const json = await readSidecarJson(path);
    const converted = DetectorCard.safeParse(json).data;
    if (converted !== undefined)
        return takeConverted(path, converted, models, signal);
    const { card, folder, cached } = await takeOwnModel(path, parseSidecar(path, json, DetectionSidecar), models, signal);
    const { sidecar } = card;
    if (sidecar.kind !== 'detection')
        throw new ReigniteError('SIDECAR_INVALID', `${path} is no detector.`);
    return { digest: card.digest, modelDir: folder, classes: sidecar.labels, cached };
}
async function takeConverted(path, card, models, signal) {
    if ((await sha256OfFile(path, signal)) !== card.sha256) {
        throw new ReigniteError('SIDECAR_INVALID', `The card beside ${path} is of another model.`);
    }
    const modelDir = join(models, card.digest);
    const known = await readDetectorCard(modelDir).catch(() => undefined);
    if (known === undefined) {
        await replaceFile(join(modelDir, card.file), (temporary) => copyFile(path, temporary));
        await writeFileAtomic(join(modelDir, CARD_FILE), `${JSON.stringify(card, null, 2)}\n`);
    }
    return { digest: card.digest, modelDir, classes: card.classes, cached: known !== undefined };
}
