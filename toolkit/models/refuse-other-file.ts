import { open } from 'node:fs/promises';
import { ReigniteError } from '../errors.ts';
import { asSystemError } from '../files/disk-error.ts';
import { requireRegularFile } from '../files/regular-file.ts';
import { describeModel } from '../onnx/file/describe-model.ts';
import { openCheckpoint } from '../pytorch/containers/checkpoint.ts';
import { fileKind, isZip, KIND_BYTES, textKind } from '../pytorch/containers/file-kind.ts';
import { isSafetensors } from '../pytorch/containers/safetensors-container.ts';
import { findStateDict, networkOf } from '../pytorch/tensors/state-dict.ts';
import { EXPORT_WEIGHTS, remedyOfKind } from './remedies.ts';

/**
 * Refuses a file that is not a PyTorch checkpoint, by its first bytes, so that a message names what it is.
 *
 * @throws ReigniteError CHECKPOINT_UNSUPPORTED; FILE_MISSING; USAGE for what is not a regular file.
 */
export async function refuseOtherFile(path: string): Promise<void> {
  const head = await headOf(path);
  if (isZip(head) || isPickle(head)) return;
  if (isSafetensors(head)) return refuseOtherWeights(path);
  const text = textKind(head);
  const kind =
    fileKind(head) ?? (text?.startsWith('a text') ? undefined : text) ?? (isOnnx(path) ? 'an ONNX file' : undefined);
  if (kind === undefined) return;
  const remedy = remedyOfKind(kind, path);
  throw new ReigniteError(
    'CHECKPOINT_UNSUPPORTED',
    `${path} is ${kind}, not a PyTorch checkpoint.`,
    remedy === undefined ? {} : { remedy },
  );
}

/** A safetensors file has weights and no network; those of nnU-Net's networks are taken, as its plans say the network. */
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

/** The opcode PROTO of all pickles since protocol 2. */
function isPickle(head: Uint8Array): boolean {
  return head[0] === 0x80;
}

function isOnnx(path: string): boolean {
  try {
    return describeModel(path).inputs.length > 0;
  } catch (error) {
    if (error instanceof ReigniteError) return false;
    throw error;
  }
}

async function headOf(path: string): Promise<Uint8Array> {
  requireRegularFile(path);
  const handle = await open(path).catch((cause) => {
    throw asSystemError(cause);
  });
  try {
    const { bytesRead, buffer } = await handle.read(new Uint8Array(KIND_BYTES), 0, KIND_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}
