import { open } from 'node:fs/promises';
import { ReigniteError } from '../errors.ts';
import { asSystemError, requireRegularFile } from '../files/file-access.ts';
import { shellWord } from '../format.ts';
import { networkIn } from '../nnunet/convert/find-model-folder.ts';
import { describeModel } from '../onnx/file/describe-model.ts';
import { openCheckpoint } from '../pytorch/containers/checkpoint.ts';
import { isSafetensors } from '../pytorch/containers/safetensors-container.ts';
import type { SeenGlobal } from '../pytorch/pickle/pickle-context.ts';

const EXPORT =
  'export the model to ONNX with its own code: `torch.onnx.export(model.eval(), torch.zeros(1, 3, 512, 512), "model.onnx")`.';

/** For weights without their network. */
export const EXPORT_WEIGHTS = `It holds weights without their network: ${EXPORT}`;
/** For a network whose code is elsewhere. */
export const EXPORT_MODULE = `It holds a network whose code is not in the file: ${EXPORT}`;

/** Remedies by how the name of a kind starts. */
const REMEDIES: readonly (readonly [kind: string, remedy: (path: string) => string])[] = [
  ['a Git LFS pointer', () => 'Run `git lfs pull` in the repository that it comes from.'],
  ['an ONNX file', () => 'It needs no conversion: `predict --model` takes it when its name ends in .onnx.'],
  ['an HTML page', () => 'Download the file again: this is a page about it.'],
  ['an HDF5 file', () => 'Export the model to ONNX with the tools it was made with, such as tf2onnx.'],
  ['gzip data', (path) => `Unpack it: \`gunzip -c ${shellWord(path)} > FILE\`.`],
  ['a tar archive', (path) => `Unpack it: \`tar -xf ${shellWord(path)}\`.`],
  ['xz data', (path) => `Unpack it: \`xz -dc ${shellWord(path)} > FILE\`.`],
  ['an empty file', () => 'Download the file again.'],
];

/** Returns what helps with a file that is not a model, by its kind; undefined if there is no known remedy. */
export function remedyOfKind(kind: string, path: string): string | undefined {
  return REMEDIES.find(([start]) => kind.startsWith(start))?.[1](path);
}

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
  const network = await networkIn(path);
  if (network?.startsWith('an nnU-Net')) return;
  const of = network === undefined ? '' : ` with weights of ${network}`;
  throw new ReigniteError('CHECKPOINT_UNSUPPORTED', `${path} is a safetensors file${of}, not a PyTorch checkpoint.`, {
    remedy: EXPORT_WEIGHTS,
  });
}

/**
 * SHA-256 of the checkpoints of the sample, which were trained on synthetic images, not on tissue. They are identified
 * by content, so that copies, renamed files, single folds and conversions are recognised. A test compares the list with
 * `data/sample`.
 */
const SYNTHETIC_CHECKPOINTS: ReadonlySet<string> = new Set([
  // he, folds 0 to 4
  '169c0aadcc3227d4eb439d7b6f4c0732b494547ee6d966ca27a14280bd32dea5',
  '04a3755644183371115c8e6346c6cb148a4d2aa32d9a384dbe4dcd501c345272',
  '420ed1c2f0a19c1294fa10c2abf72789ad8092eb8d2ce70057bfa78b90acfa38',
  '8e5c5474d78703b0569c8f796599bf9785ee77911adeadd3fbd224201ba72ba5',
  'abc921a8264a63514e05eb4ba0ff7fb792bd2fd91e38e0db17b0709be072d517',
  // nuclei, pdl1
  '1f20c3fcccc70b81156fbbf934056e731fa85c1a119fde34121ac3eff021c05b',
  '6de7c512b0de55fabeb76dd9483ece98a84bbaa3e24ec268f2fb33bfc3502f7e',
]);

/**
 * Returns whether any checkpoint of a model was trained on synthetic images.
 *
 * @param checkpoints - SHA-256 of each checkpoint.
 */
export function isTrainedOnSynthetic(checkpoints: readonly { readonly sourceSha256: string }[]): boolean {
  return checkpoints.some(({ sourceSha256 }) => SYNTHETIC_CHECKPOINTS.has(sourceSha256));
}

/** First bytes of files that are neither a pickle nor a checkpoint. */
const SIGNATURES: readonly (readonly [kind: string, bytes: readonly number[], offset?: number])[] = [
  ['a PNG image', [0x89, 0x50, 0x4e, 0x47]],
  ['a JPEG image', [0xff, 0xd8, 0xff]],
  ['a TIFF image', [0x49, 0x49, 0x2a, 0x00]],
  ['a TIFF image', [0x4d, 0x4d, 0x00, 0x2a]],
  ['a BigTIFF image', [0x49, 0x49, 0x2b, 0x00]],
  ['a GIF image', [0x47, 0x49, 0x46, 0x38]],
  ['a PDF document', [0x25, 0x50, 0x44, 0x46]],
  ['gzip data', [0x1f, 0x8b]],
  ['xz data', [0xfd, 0x37, 0x7a, 0x58, 0x5a]],
  ['Zstandard data', [0x28, 0xb5, 0x2f, 0xfd]],
  ['bzip2 data', [0x42, 0x5a, 0x68]],
  ['an HDF5 file, as Keras writes models', [0x89, 0x48, 0x44, 0x46]],
  ['a NumPy array', [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]],
  ['a GGUF model', [0x47, 0x47, 0x55, 0x46]],
  ['an ELF program', [0x7f, 0x45, 0x4c, 0x46]],
  ['a Windows program', [0x4d, 0x5a]],
  ['a script', [0x23, 0x21]],
  ['a tar archive', [0x75, 0x73, 0x74, 0x61, 0x72], 257],
  ['JSON, or text like it', [0x7b]],
];

/** Number of bytes that `fileKind` examines. */
const KIND_BYTES = 262;

/**
 * Names the kind of a file that is not a PyTorch checkpoint.
 *
 * @param head - The first `KIND_BYTES` bytes, or the whole file if it is shorter.
 * @returns Undefined if it may be a pickle, a zip, a safetensors file, or anything else.
 */
export function fileKind(head: Uint8Array): string | undefined {
  if (head.length === 0) return 'an empty file';
  const found = SIGNATURES.find(([, bytes, offset = 0]) => bytes.every((byte, at) => head[offset + at] === byte));
  return found?.[0];
}

/**
 * Names the kind of a text file. Use it only if the file could not be read as a pickle, because protocol 0 is text,
 * too.
 *
 * @param head - The first `KIND_BYTES` bytes, or the whole file if it is shorter.
 * @returns Undefined if it is not text.
 */
export function textKind(head: Uint8Array): string | undefined {
  const text = Buffer.from(head).toString('utf8');
  if (text.startsWith('version https://git-lfs.github.com/spec/')) return 'a Git LFS pointer, not the file itself';
  if (/^\s*<(!doctype html|html)/i.test(text)) return 'an HTML page';
  if (/^\s*</.test(text)) return 'XML, or text like it';
  if (/^\s*[[{]/.test(text)) return 'JSON, or text like it';
  // The last character may be cut in two.
  return /^[\P{C}\s]*\ufffd?$/u.test(text) ? 'a text file' : undefined;
}

/** Returns whether the file starts like a zip archive. */
export function isZip(head: Uint8Array): boolean {
  return [0x50, 0x4b, 0x03, 0x04].every((byte, at) => head[at] === byte);
}
