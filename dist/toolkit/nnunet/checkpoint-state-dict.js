import { ReigniteError } from '../errors.js';
import { asEntries, asTensor, dictGet, locate } from '../pytorch/access.js';
/** The prefix that training on several GPUs (DataParallel) leaves on every name. */
const PARALLEL_PREFIX = 'module.';
/**
 * The `state_dict` of an nnU-Net v1 checkpoint. Tensors are read when asked, while the checkpoint is open.
 * Epoch, optimizer, learning curves and the like, which lie beside it, describe the training and are not looked at.
 *
 * @param path - Of the checkpoint, for messages.
 * @throws ReigniteError CHECKPOINT_UNSUPPORTED when there is no state dict of tensors; PARAMETER_UNKNOWN when a name
 *   occurs twice, once with the prefix of DataParallel.
 */
export function checkpointStateDict(checkpoint, path) {
    const entries = asEntries(dictGet(locate(checkpoint.root, path, 'CHECKPOINT_UNSUPPORTED'), 'state_dict'));
    const tensors = new Map();
    let parallelPrefix = false;
    for (const [fullName, located] of entries) {
        const prefixed = fullName.startsWith(PARALLEL_PREFIX);
        const name = prefixed ? fullName.slice(PARALLEL_PREFIX.length) : fullName;
        parallelPrefix ||= prefixed;
        const tensor = asTensor(located);
        if (tensors.has(name))
            throw new ReigniteError('PARAMETER_UNKNOWN', `${path}: the parameter ${name} occurs twice.`);
        tensors.set(name, { shape: tensor.shape, read: () => checkpoint.readFloat32(tensor) });
    }
    return { tensors, parallelPrefix };
}
