import { join } from 'node:path';
import { detectorFile } from '../../toolkit/dataset/layout.js';
import { ReigniteError } from '../../toolkit/errors.js';
import { inside } from '../../toolkit/files/inside.js';
import { modelDigest, readModelCard } from '../../toolkit/nnunet/convert-model.js';
import { findModelFolder } from '../../toolkit/nnunet/find-model-folder.js';
import { findFolds } from '../../toolkit/nnunet/model-folds.js';
import { readPlansFile } from '../../toolkit/nnunet/plans-file.js';
import { detectorDigest } from '../../toolkit/yolov5/convert-detector.js';
import { readDetectorCard } from '../../toolkit/yolov5/detector-card.js';
const USUAL_PATCH = [512, 512];
const PAPERS_FOLDS = 5;
/** Identifies a task's model without converting it. */
export async function planModel(task, { config, folders }, { models }, signal) {
    const folds = task === 'he' ? PAPERS_FOLDS : 1;
    const digest = await digestOf(task, config[task].model, folders.data, signal);
    if (digest === undefined)
        return { isConverted: false, patch: USUAL_PATCH, folds };
    const folder = join(models, digest);
    if (task !== 'he') {
        const isConverted = await readDetectorCard(folder).then(Boolean, () => false);
        return { digest, isConverted, patch: USUAL_PATCH, folds };
    }
    const card = await readModelCard(folder).catch(() => undefined);
    if (card === undefined)
        return { digest, isConverted: false, patch: await patchOf(folders.data), folds };
    return { digest, isConverted: true, patch: card.patch, folds: card.folds.length };
}
/** As the plans of the first fold have it; what is wrong with them, the conversion says. */
async function patchOf(data) {
    try {
        const [first] = await findFolds(await findModelFolder(join(data, 'models', 'he')));
        return (await readPlansFile(first.plans)).patch;
    }
    catch {
        return USUAL_PATCH;
    }
}
/** A model of one's own in another format is identified by its preparation. */
async function digestOf(task, own, data, signal) {
    try {
        if (task === 'he') {
            return own === undefined
                ? await modelDigest(await findModelFolder(join(data, 'models', 'he')), undefined, signal)
                : undefined;
        }
        const path = own ?? inside(data, detectorFile(task));
        return path.endsWith('.pt') ? await detectorDigest(path, undefined, signal) : undefined;
    }
    catch (error) {
        signal.throwIfAborted();
        if (error instanceof ReigniteError)
            return undefined;
        throw error;
    }
}
