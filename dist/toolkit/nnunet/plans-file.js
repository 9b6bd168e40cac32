import { dictGet, locate } from '../pytorch/access.js';
import { readPickleFile } from '../pytorch/pickle-file.js';
import { plainValue } from './plain-value.js';
import { parsePlans } from './plans.js';
/** The fields that decide the network; the rest of a plans file describes the training set and is left unread. */
const PLANS_FIELDS = [
    'base_num_features',
    'num_modalities',
    'num_classes',
    'conv_per_stage',
    'transpose_forward',
    'transpose_backward',
    'plans_per_stage',
];
/**
 * Reads the plans that nnU-Net v1 keeps beside a checkpoint. (The `plans.pkl` above the folds is not read by its
 * loader either.)
 *
 * @param path - A `model_best.model.pkl`.
 * @throws ReigniteError PLANS_INVALID, CHECKPOINT_UNSUPPORTED (another activation), or what reading the pickle throws.
 */
export async function readPlansFile(path) {
    const root = locate(await readPickleFile(path), path, 'PLANS_INVALID');
    const plans = dictGet(root, 'plans');
    const chosen = PLANS_FIELDS.map((field) => [field, plainValue(dictGet(plans, field).value)]);
    return parsePlans({
        name: plainValue(dictGet(root, 'name').value),
        init: plainValue(dictGet(root, 'init').value),
        plans: Object.fromEntries(chosen),
    }, path);
}
