import { sha256Of, sha256OfFile } from '../files/hash-file.js';
import { findFolds } from './model-folds.js';
/**
 * Counts the meanings of a conversion: raised whenever the same checkpoint would give a model with other outputs,
 * so that nothing computed with the old one is taken for the new one's.
 */
export const CONVERTER_SCHEMA = 1;
/**
 * Identifies a model by its source files without converting it, so that a cache can decide.
 *
 * @param folder - Holds `fold_0` and so on.
 * @param folds - In the order in which they are averaged. Default: the paper's five.
 * @returns The same digest that `convertModel` writes into its card.
 * @throws ReigniteError FOLD_MISSING.
 */
export async function modelDigest(folder, folds, signal, name) {
    const { digest } = await hashSources(await findFolds(folder, folds, name), signal);
    return digest;
}
/** @param onFile - Called after each checkpoint, with how many are done. */
export async function hashSources(folds, signal, onFile) {
    const plansSha256 = await sha256OfFile(folds[0].plans, signal);
    const checkpointSha256 = [];
    for (const { checkpoint } of folds) {
        checkpointSha256.push(await sha256OfFile(checkpoint, signal));
        onFile?.(checkpointSha256.length);
    }
    const lines = [`nnunet-v1-2d ${CONVERTER_SCHEMA}`, plansSha256, ...checkpointSha256];
    return { digest: sha256Of(lines.join('\n')), plansSha256, checkpointSha256 };
}
