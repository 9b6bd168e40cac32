import { ReigniteError } from '../errors.ts';
import { openCheckpoint } from '../pytorch/containers/checkpoint.ts';
import { findStateDict, networkOf } from '../pytorch/tensors/state-dict.ts';
import { identifyFile } from './identify-file.ts';
import { EXPORT_WEIGHTS, remedyOfKind } from './remedies.ts';

/**
 * Refuses a file that is not a PyTorch checkpoint by its content, so that a message names what it is.
 *
 * @throws ReigniteError CHECKPOINT_UNSUPPORTED; FILE_MISSING, NOT_READABLE; USAGE for what is not a regular file.
 */
export async function refuseOtherFile(path: string): Promise<void> {
  const { form, kind } = await identifyFile(path);
  if (form === 'safetensors') return refuseOtherWeights(path);
  if (form !== 'onnx' && form !== 'other') return;
  const remedy = remedyOfKind(kind, path);
  throw new ReigniteError(
    'CHECKPOINT_UNSUPPORTED',
    `${path} is ${kind}, not a PyTorch checkpoint.`,
    remedy === undefined ? {} : { remedy },
  );
}

/**
 * Refuses a file whose name ends in .onnx and whose content is of another kind, so that a message names what it is.
 *
 * @throws ReigniteError MODEL_UNREADABLE; FILE_MISSING, NOT_READABLE; USAGE for what is not a regular file.
 */
export async function refuseNotOnnx(path: string): Promise<void> {
  const { form, kind } = await identifyFile(path);
  if (form === 'onnx' || form === 'unknown') return;
  const usual = form === 'other' ? 'Export or download the model again.' : INSPECT_BY_CONTENT;
  throw new ReigniteError('MODEL_UNREADABLE', `${path} is ${kind}, not an ONNX model.`, {
    remedy: remedyOfKind(kind, path) ?? usual,
  });
}

const INSPECT_BY_CONTENT =
  'Run `npx reignite model inspect` on it to see what it holds; give a checkpoint a name that ends in .pt.';

/** Refuses weights without a network in a safetensors file, unless they are of nnU-Net, whose plans define the network. */
async function refuseOtherWeights(path: string): Promise<void> {
  const { network, fault } = await networkIn(path);
  if (network?.startsWith('an nnU-Net')) return;
  const of = network === undefined ? '' : ` with weights of ${network}`;
  throw new ReigniteError('CHECKPOINT_UNSUPPORTED', `${path} is a safetensors file${of}, not a PyTorch checkpoint.`, {
    remedy: EXPORT_WEIGHTS,
    ...(fault !== undefined && { cause: fault }),
  });
}

async function networkIn(path: string): Promise<{ readonly network?: string | undefined; readonly fault?: unknown }> {
  try {
    const checkpoint = await openCheckpoint(path);
    const weights = findStateDict(checkpoint.root);
    await checkpoint.close();
    return weights === undefined ? {} : { network: networkOf(weights) };
  } catch (fault) {
    if (fault instanceof ReigniteError) return { fault };
    throw fault;
  }
}
