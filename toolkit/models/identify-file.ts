import { open } from 'node:fs/promises';
import { ReigniteError } from '../errors.ts';
import { asSystemError, requireRegularFile } from '../files/disk-error.ts';
import { describeModel } from '../onnx/file/describe-model.ts';
import { openCheckpoint } from '../pytorch/containers/checkpoint.ts';
import { fileKind, isZip, KIND_BYTES, textKind } from '../pytorch/containers/file-kind.ts';
import { isSafetensors } from '../pytorch/containers/safetensors-container.ts';
import type { SeenGlobal } from '../pytorch/pickle/global-verdict.ts';

/** What a file is by its content, regardless of its name. */
export interface IdentifiedFile {
  /** `other` is not a supported model; `unknown` may be a pickle of an early protocol, or a damaged model. */
  readonly form: 'zip' | 'pickle' | 'safetensors' | 'onnx' | 'other' | 'unknown';
  /** With its article, for a message. */
  readonly kind: string;
}

/**
 * Identifies a model file by its content, without executing anything.
 *
 * @throws ReigniteError FILE_MISSING, NOT_READABLE; USAGE for what is not a regular file.
 * @example const { form, kind } = await identifyFile('model.onnx');
 */
export async function identifyFile(path: string): Promise<IdentifiedFile> {
  const head = await readHead(path);
  if (isZip(head)) return { form: 'zip', kind: 'a zip archive, as PyTorch writes checkpoints' };
  if (isPickle(head)) return { form: 'pickle', kind: 'a Python pickle, as PyTorch writes checkpoints' };
  if (isSafetensors(head)) return { form: 'safetensors', kind: 'a safetensors file' };
  if (isOnnx(path)) return { form: 'onnx', kind: 'an ONNX file' };
  const signature = fileKind(head);
  if (signature !== undefined) return { form: 'other', kind: signature };
  const text = textKind(head);
  if (text !== undefined && !(await isTextPickle(path))) return { form: 'other', kind: text };
  return { form: 'unknown', kind: 'a file of an unknown kind' };
}

async function readHead(path: string): Promise<Uint8Array> {
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

/** Returns whether a file starts with the opcode PROTO, like all pickles since protocol 2. */
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

/** Returns whether text is a pickle of protocol 0: it can be read to its end, or to a name that Python would import. */
async function isTextPickle(path: string): Promise<boolean> {
  const globals: SeenGlobal[] = [];
  try {
    await (await openCheckpoint(path, { inspect: true, onGlobal: (seen) => globals.push(seen) })).close();
    return true;
  } catch (error) {
    if (!(error instanceof ReigniteError)) throw error;
    return globals.some(isImportable);
  }
}

/** Text that is read as a pickle may seem to import names; Python imports only names that are identifiers. */
function isImportable({ module, name }: SeenGlobal): boolean {
  return [module, name].every((each) => /^[\p{ID_Start}_][\p{ID_Continue}.]*$/u.test(each));
}
