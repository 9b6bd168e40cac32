import { open } from 'node:fs/promises';
import { ReigniteError } from '../errors.ts';
import { describeModel } from '../onnx/file/describe-model.ts';
import { fileKind, isZip, KIND_BYTES, textKind } from '../pytorch/containers/file-kind.ts';

/** What helps, by the beginning of the kind's name. */
const REMEDIES: readonly (readonly [kind: string, remedy: string])[] = [
  ['a Git LFS pointer', 'Run `git lfs pull` in the repository that it comes from.'],
  [
    'a safetensors file',
    'It holds weights without their network: export the model to ONNX with the tools it was made with.',
  ],
  ['an HTML page', 'Download the file again: this is a page about it.'],
  ['an HDF5 file', 'Export the model to ONNX with the tools it was made with, such as tf2onnx.'],
];

/**
 * Refuses a file that is not a PyTorch checkpoint, by its first bytes, so that a message names what it is.
 *
 * @throws ReigniteError CHECKPOINT_UNSUPPORTED; FILE_MISSING.
 */
export async function refuseOtherFile(path: string): Promise<void> {
  const head = await headOf(path);
  if (isZip(head) || isPickle(head)) return;
  const text = textKind(head);
  const kind =
    fileKind(head) ?? (text?.startsWith('a text') ? undefined : text) ?? (isOnnx(path) ? 'an ONNX file' : undefined);
  if (kind === undefined) return;
  const remedy =
    kind === 'an ONNX file'
      ? 'It needs no conversion: `predict --model` takes it when its name ends in .onnx.'
      : REMEDIES.find(([start]) => kind.startsWith(start))?.[1];
  throw new ReigniteError(
    'CHECKPOINT_UNSUPPORTED',
    `${path} is ${kind}, not a PyTorch checkpoint.`,
    remedy === undefined ? {} : { remedy },
  );
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
  const handle = await open(path).catch((cause) => {
    throw new ReigniteError('FILE_MISSING', `File not found: ${path}.`, { cause });
  });
  try {
    const { bytesRead, buffer } = await handle.read(new Uint8Array(KIND_BYTES), 0, KIND_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}
