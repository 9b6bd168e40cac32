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
export const KIND_BYTES = 262;

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
