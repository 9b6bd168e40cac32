import { Decompress } from 'fzstd';

/** Of a frame: its content may refer to so many bytes before. The library of Zstandard refuses more, too. */
const MAX_WINDOW = 2 ** 27;
const MAGIC = 0xfd2f_b528;
/** Bytes of the number of a dictionary, by a flag. */
const DICTIONARY_BYTES = [0, 1, 2, 4];

/**
 * Decodes Zstandard within a number of bytes.
 *
 * @param most - Bytes that may come out.
 * @throws RangeError for more bytes; Error for damaged data.
 * @see RFC 8878
 */
export function decodeZstandard(bytes: Buffer, most: number): Uint8Array {
  if (windowOf(bytes) > MAX_WINDOW) throw new RangeError('its Zstandard window is larger than 128 MiB');
  const out = new Uint8Array(most);
  let used = 0;
  const stream = new Decompress((part) => {
    if (used + part.length > most) throw new RangeError(`its data are longer than ${most} bytes`);
    out.set(part, used);
    used += part.length;
  });
  stream.push(bytes, true);
  return out.subarray(0, used);
}

/** Bytes that decoding the first frame needs: its window, or its content where that is one segment. */
function windowOf(bytes: Buffer): number {
  if (bytes.length < 6 || bytes.readUInt32LE(0) !== MAGIC) return 0;
  const flags = bytes.readUInt8(4);
  const isOneSegment = (flags & 0x20) !== 0;
  if (isOneSegment) return contentOf(bytes, flags);
  const descriptor = bytes.readUInt8(5);
  return 2 ** (10 + (descriptor >> 3)) * (1 + (descriptor & 7) / 8);
}

/** The size of the content that a frame of one segment states. */
function contentOf(bytes: Buffer, flags: number): number {
  const at = 5 + (DICTIONARY_BYTES[flags & 3] ?? 0);
  const length = 1 << (flags >> 6);
  if (bytes.length < at + length) return 0;
  return length === 8 ? Number(bytes.readBigUInt64LE(at)) : bytes.readUIntLE(at, length);
}
