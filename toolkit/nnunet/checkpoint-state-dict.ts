import { ReigniteError } from '../errors.ts';
import { asEntries, asTensor, dictGet, locate } from '../pytorch/access.ts';
import type { Checkpoint } from '../pytorch/checkpoint.ts';
import type { StateDict, StateTensor } from './state-dict.ts';

/** The prefix that training on several GPUs (DataParallel) leaves on every name. */
const PARALLEL_PREFIX = 'module.';

export interface CheckpointStateDict {
  readonly tensors: StateDict;
  /** Whether the prefix of DataParallel was taken off any name, as nnU-Net's loader does. */
  readonly parallelPrefix: boolean;
}

/**
 * The `state_dict` of an nnU-Net v1 checkpoint. Tensors are read when asked, while the checkpoint is open.
 * Epoch, optimizer, learning curves and the like, which lie beside it, describe the training and are not looked at.
 *
 * @param path - Of the checkpoint, for messages.
 * @throws ReigniteError CHECKPOINT_UNSUPPORTED when there is no state dict of tensors; PARAMETER_UNKNOWN when a name
 *   occurs twice, once with the prefix of DataParallel.
 */
export function checkpointStateDict(checkpoint: Checkpoint, path: string): CheckpointStateDict {
  const entries = asEntries(dictGet(locate(checkpoint.root, path, 'CHECKPOINT_UNSUPPORTED'), 'state_dict'));
  const tensors = new Map<string, StateTensor>();
  let parallelPrefix = false;
  for (const [fullName, located] of entries) {
    const prefixed = fullName.startsWith(PARALLEL_PREFIX);
    const name = prefixed ? fullName.slice(PARALLEL_PREFIX.length) : fullName;
    parallelPrefix ||= prefixed;
    const tensor = asTensor(located);
    if (tensors.has(name)) throw new ReigniteError('PARAMETER_UNKNOWN', `${path}: the parameter ${name} occurs twice.`);
    tensors.set(name, { shape: tensor.shape, read: () => checkpoint.readFloat32(tensor) });
  }
  return { tensors, parallelPrefix };
}
