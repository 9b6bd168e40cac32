import { join } from 'node:path';
import { Context } from '@temporalio/activity';
import { HE_LABELS } from '../toolkit/dataset/he-labels.js';
import { ReigniteError } from '../toolkit/errors.js';
import { writeModelPassport } from '../toolkit/models/model-passport.js';
import { prepareTissueModel } from '../toolkit/models/tissue-model.js';
import { convertModel as convert, modelDigest, readModelCard, } from '../toolkit/nnunet/convert-model.js';
import { findModelFolder } from '../toolkit/nnunet/find-model-folder.js';
import { withHeartbeat } from './heartbeat.js';
import { ConvertModelInput } from './inputs.js';
/**
 * Makes the segmentation model ready, once for every content: the record's five folds as ONNX, or the user's own. Says
 * in the results what it is.
 */
export function createConvertModel(home) {
    return async function convertModel(input) {
        const { folders, model: own } = ConvertModelInput.parse(input);
        const signal = Context.current().cancellationSignal;
        return withHeartbeat({ phase: 'hashing' }, async (report) => {
            const prepared = own === undefined
                ? await prepareRecordModel(join(folders.data, 'models', 'he'), home.models, signal, report)
                : await prepareTissueModel(own, home.models, { signal, onProgress: report });
            refuseOtherLabels(own, prepared);
            report({ phase: 'parity' });
            await writeModelPassport(prepared.modelDir, join(folders.results, 'models', 'he.json'), signal);
            const { digest, classes, folds, cached } = prepared;
            return { digest, classes, folds, cached };
        });
    };
}
/** All five folds are wanted, as the paper has them; an own model may have any. */
async function prepareRecordModel(models, home, signal, onProgress) {
    const folder = await findModelFolder(models);
    const digest = await modelDigest(folder);
    const modelDir = join(home, digest);
    const known = await readModelCard(modelDir).catch(() => undefined);
    const card = known ?? (await convert({ folder, out: modelDir, signal, onProgress }));
    return { digest, modelDir, classes: card.classes, folds: card.folds.length, cached: known !== undefined };
}
function refuseOtherLabels(own, { classes }) {
    if (own === undefined || classes <= HE_LABELS.length)
        return;
    throw new ReigniteError('CHECKPOINT_UNSUPPORTED', `The model ${own} has labels up to ${classes - 1}; those of the task end at ${HE_LABELS.length - 1}.`, { remedy: "Use a model of the paper's labels, or give the labels of an .onnx their values in its sidecar." });
}
