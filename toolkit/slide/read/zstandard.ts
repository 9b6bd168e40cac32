import { Decompress } from 'fzstd';

/** The largest window of a frame, bytes. The Zstandard library also refuses larger ones by default. */
const MAX_WINDOW = 2 ** 27;
const MAGIC = 0xfd2f_b528;
/** Bytes of the dictionary ID, by the dictionary flag. */
const DICTIONARY_BYTES = [0, 1, 2, 4];
/** Type of a block that repeats one byte. */
const RUN = 1;
const CHECKSUM_BYTES = 4;

/**
 * Decodes Zstandard data of limited size.
 *
 * @param most - Maximum size of the decompressed data, bytes.
 * @throws RangeError if the data are longer; Error if they are damaged.
 * @see RFC 8878
 */
export function decodeZstandard(bytes: Buffer, most: number): Uint8Array {
  for (let at = 0; at < bytes.length; at = endOfFrame(bytes, at)) checkWindow(bytes.subarray(at));
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

/** Refuses a frame with too large a window, because decoding allocates the window up front. */
function checkWindow(frame: Buffer): void {
  if (windowOf(frame) > MAX_WINDOW) throw new RangeError('its Zstandard window is larger than 128 MiB');
}

/** Returns where the next frame starts, which has its own window. For a truncated frame, returns the end of the bytes. */
function endOfFrame(bytes: Buffer, start: number): number {
  if (bytes.length < start + 8) return bytes.length;
  const magic = bytes.readUInt32LE(start);
  if (isSkippable(magic)) return start + 8 + bytes.readUInt32LE(start + 4);
  if (magic !== MAGIC) throw new Error('its Zstandard data are damaged');
  const flags = bytes.readUInt8(start + 4);
  let at = start + headerBytes(flags);
  for (let isLast = false; !isLast; ) {
    if (bytes.length < at + 3) return bytes.length;
    const block = bytes.readUIntLE(at, 3);
    isLast = (block & 1) === 1;
    at += 3 + (((block >> 1) & 3) === RUN ? 1 : block >> 3);
  }
  return at + ((flags & 4) === 0 ? 0 : CHECKSUM_BYTES);
}

/** Returns whether a frame is skippable, which means that it does not contain data. */
function isSkippable(magic: number): boolean {
  return magic >>> 4 === 0x184_d2a5;
}

/** Returns the bytes of a frame header: magic number, flags, window, dictionary ID, content size. */
function headerBytes(flags: number): number {
  const isOneSegment = (flags & 0x20) !== 0;
  const content = flags >> 6 === 0 ? Number(isOneSegment) : 1 << (flags >> 6);
  return 5 + (isOneSegment ? 0 : 1) + (DICTIONARY_BYTES[flags & 3] ?? 0) + content;
}

/** Returns the bytes that decoding a frame needs: its window, or its content if it has a single segment. */
function windowOf(bytes: Buffer): number {
  if (bytes.length < 6 || bytes.readUInt32LE(0) !== MAGIC) return 0;
  const flags = bytes.readUInt8(4);
  const isOneSegment = (flags & 0x20) !== 0;
  if (isOneSegment) return contentOf(bytes, flags);
  const descriptor = bytes.readUInt8(5);
  return 2 ** (10 + (descriptor >> 3)) * (1 + (descriptor & 7) / 8);
}

/** Reads the content size of a single-segment frame. */
function contentOf(bytes: Buffer, flags: number): number {
  const at = 5 + (DICTIONARY_BYTES[flags & 3] ?? 0);
  const length = 1 << (flags >> 6);
  if (bytes.length < at + length) throw new Error('its Zstandard data end in their header');
  return length === 8 ? Number(bytes.readBigUInt64LE(at)) : bytes.readUIntLE(at, length);
}
