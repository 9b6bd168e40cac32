import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ReigniteError } from '../errors.js';
/** The folds of the paper's ensemble, in the order in which their softmax is summed. */
export const PAPER_FOLDS = [0, 1, 2, 3, 4];
/** Names under which nnU-Net v1 keeps weights: the best of the validation, the last of the training. */
export const CHECKPOINTS = ['model_best', 'model_final_checkpoint'];
/**
 * Finds the files of the folds asked for. Plans are wanted of the first fold only, as nnU-Net's loader reads no others.
 *
 * @param folder - Holds `fold_0`, `fold_1` and so on.
 * @returns At least one fold, in the order asked.
 * @throws ReigniteError FOLD_MISSING naming what is not there.
 */
export async function findFolds(folder, folds = PAPER_FOLDS, name = 'model_best') {
    const [first, ...others] = folds.map((fold) => foldFiles(folder, fold, name));
    if (first === undefined)
        throw new RangeError('Expected at least one fold');
    for (const { checkpoint } of [first, ...others])
        await requireFile(checkpoint);
    await requireFile(first.plans);
    return [first, ...others];
}
/**
 * Which folds a model folder of anybody's holds: all with `model_best`, else all with `model_final_checkpoint`.
 *
 * @throws ReigniteError FOLD_MISSING when there is none.
 */
export async function listFolds(folder) {
    const names = await readdir(folder).catch(() => []);
    const numbers = names.flatMap((name) => /^fold_(\d+)$/.exec(name)?.[1] ?? []).map(Number);
    numbers.sort((a, b) => a - b);
    for (const name of CHECKPOINTS) {
        const found = await Promise.all(numbers.map((fold) => isFile(foldFiles(folder, fold, name).checkpoint)));
        const folds = numbers.filter((_, index) => found[index]);
        if (folds.length > 0)
            return { folds, name };
    }
    throw new ReigniteError('FOLD_MISSING', `${folder} holds no fold_K/${CHECKPOINTS.join('.model or fold_K/')}.model.`, {
        remedy: 'Name the folder of an nnU-Net v1 model, the one that holds fold_0.',
    });
}
async function isFile(path) {
    return (await stat(path).catch(() => undefined))?.isFile() ?? false;
}
function foldFiles(folder, fold, name) {
    const checkpoint = join(folder, `fold_${fold}`, `${name}.model`);
    return { fold, checkpoint, plans: `${checkpoint}.pkl` };
}
async function requireFile(path) {
    if (!(await isFile(path)))
        throw new ReigniteError('FOLD_MISSING', `The model has no file ${path}.`);
}
