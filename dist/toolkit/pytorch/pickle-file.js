import { ReigniteError } from '../errors.js';
import { openCheckpoint } from './checkpoint.js';
/**
 * Reads a file that holds one bare pickle, such as nnU-Net's `plans.pkl` and `model_best.model.pkl`.
 * Nothing in it is executed.
 *
 * @throws ReigniteError as `openCheckpoint`; CHECKPOINT_UNSUPPORTED for a file that holds tensors.
 */
export async function readPickleFile(path) {
    const checkpoint = await openCheckpoint(path);
    await checkpoint.close();
    if (checkpoint.format === 'pickle')
        return checkpoint.root;
    throw new ReigniteError('CHECKPOINT_UNSUPPORTED', `${path} is a PyTorch checkpoint where a plain pickle is expected.`);
}
