/** What the first bytes of a file say it is, where that is no pickle and no checkpoint. */
const SIGNATURES = [
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
/** How many bytes `fileKind` looks at. */
export const KIND_BYTES = 262;
/**
 * Names the kind of a file that holds no PyTorch checkpoint.
 *
 * @param head - The first `KIND_BYTES` bytes, or all there are.
 * @returns Undefined where it may be a pickle, a zip, or anything.
 */
export function fileKind(head) {
    if (head.length === 0)
        return 'an empty file';
    const found = SIGNATURES.find(([, bytes, offset = 0]) => bytes.every((byte, at) => head[offset + at] === byte));
    if (found !== undefined)
        return found[0];
    return isSafetensors(head) ? 'a safetensors file' : undefined;
}
/** Eight bytes of length, then JSON. */
function isSafetensors(head) {
    return head.length > 9 && head[8] === 0x7b && (head[6] ?? 1) === 0 && (head[7] ?? 1) === 0;
}
