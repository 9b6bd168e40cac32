import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ReigniteError } from '../errors.js';
import { writeFileAtomic } from '../files/atomic-write.js';
import { sha256OfFile } from '../files/hash-file.js';
import { removeLeftovers } from '../files/remove-leftovers.js';
import { writeModel } from '../onnx/write-model.js';
import { openCheckpoint } from '../pytorch/checkpoint.js';
import { checkpointStateDict } from './checkpoint-state-dict.js';
import { CARD_FILE, ModelCard, readModelCard } from './model-card.js';
import { CONVERTER_SCHEMA, hashSources } from './model-digest.js';
import { findFolds } from './model-folds.js';
import { readPlansFile } from './plans-file.js';
import { StateDictLedger } from './state-dict-ledger.js';
import { unetArchitecture } from './unet-architecture.js';
import { INPUT_NAME, OUTPUT_NAME, unetGraph } from './unet-graph.js';
export { readModelCard } from './model-card.js';
export { modelDigest } from './model-digest.js';
export { ModelCard };
/** Temporary files of a conversion: `.fold_3.onnx.<process>.<random>.tmp`. */
const LEFTOVER = /^\.(?:fold_\d+\.onnx|model\.json)\.(\d+)\.[0-9a-f]+\.tmp$/;
/**
 * Converts an nnU-Net v1 2D model to ONNX, one file a fold, and describes it in a card.
 *
 * Equal sources give equal bytes. The card is written last: killed anywhere and run again, this ends in the same
 * files. A whole and matching conversion that is already there is checked and left as it is.
 *
 * The plans come from the first fold and serve all, as in nnU-Net's loader; a fold of another architecture has
 * parameters that do not fit them.
 *
 * @throws ReigniteError FOLD_MISSING, PLANS_INVALID, PARAMETER_MISSING, PARAMETER_UNKNOWN, CHECKPOINT_CORRUPT,
 *   CHECKPOINT_UNSAFE, CHECKPOINT_UNSUPPORTED, NO_SPACE or NOT_WRITABLE; no card is left then.
 */
export async function convertModel(options) {
    const { folder, out, signal, onProgress } = options;
    const folds = await findFolds(folder, options.folds, options.name);
    const total = folds.length;
    const sources = await hashSources(folds, signal, (done) => onProgress?.({ step: 'hash', done, total }));
    const present = await presentConversion(out, sources.digest, signal);
    if (present !== undefined)
        return present;
    const plans = await readPlansFile(folds[0].plans);
    const architecture = unetArchitecture(plans);
    await mkdir(out, { recursive: true });
    await removeLeftovers(out, LEFTOVER);
    await rm(join(out, CARD_FILE), { force: true });
    const converted = [];
    for (const [index, fold] of folds.entries()) {
        const sourceSha256 = sources.checkpointSha256[index] ?? '';
        converted.push({ ...(await convertFold(fold, architecture, out, signal)), sourceSha256 });
        onProgress?.({ step: 'convert', done: converted.length, total });
    }
    const card = describe(plans, architecture, sources, converted);
    await writeFileAtomic(join(out, CARD_FILE), `${JSON.stringify(card, null, 2)}\n`);
    return card;
}
async function convertFold({ fold, checkpoint: path }, architecture, out, signal) {
    signal?.throwIfAborted();
    const checkpoint = await openCheckpoint(path);
    try {
        const { tensors, parallelPrefix } = checkpointStateDict(checkpoint, path);
        const ledger = new StateDictLedger(tensors, path);
        const graph = unetGraph(architecture, ledger);
        ledger.close();
        const file = `fold_${fold}.onnx`;
        const { bytes, sha256 } = await writeModel(join(out, file), graph, signal);
        const { parameters, unused } = ledger;
        return { fold, file, bytes, sha256, parameters, parallelPrefix, unused: [...unused] };
    }
    finally {
        await checkpoint.close();
    }
}
/** The card of a conversion of these very sources whose files are all whole. */
async function presentConversion(out, digest, signal) {
    try {
        const card = await readModelCard(out);
        if (card.digest !== digest)
            return undefined;
        for (const { file, sha256 } of card.folds) {
            if ((await sha256OfFile(join(out, file), signal)) !== sha256)
                return undefined;
        }
        return card;
    }
    catch (error) {
        if (error instanceof ReigniteError)
            return undefined;
        throw error;
    }
}
function describe(plans, architecture, { digest, plansSha256 }, folds) {
    return ModelCard.parse({
        kind: 'nnunet-v1-2d',
        converterSchema: CONVERTER_SCHEMA,
        digest,
        trainer: plans.trainer,
        patch: plans.patch,
        classes: plans.classes,
        input: INPUT_NAME,
        output: OUTPUT_NAME,
        architecture: {
            features: architecture.features,
            pools: plans.pools,
            kernels: plans.kernels,
            convPerStage: plans.convPerStage,
        },
        plansSha256,
        folds,
    });
}
