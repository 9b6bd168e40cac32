import { Decompress } from 'fzstd';

const CLEAR = 256;
const END = 257;
const FIRST = 258;
const MAX_CODES = 4_096;
const FEWEST_BITS = 9;
const MAX_BITS = 12;

/**
 * Decodes TIFF's variant of LZW: the high bit of a code comes first, and codes get wider one code early.
 *
 * @param length - Expected number of bytes; decoding stops there.
 * @returns At most `length` bytes; fewer if the data end before.
 * @throws RangeError for a code that is not defined yet.
 * @see TIFF 6.0, section 13
 */
export function decodeLzw(data: Uint8Array, length: number): Uint8Array {
  const out = new Uint8Array(length);
  /** For each code: its last byte, the code of the bytes before, and its length. */
  const last = new Uint8Array(MAX_CODES);
  const before = new Uint16Array(MAX_CODES);
  const lengths = new Uint16Array(MAX_CODES);
  for (let code = 0; code < CLEAR; code++) {
    last[code] = code;
    lengths[code] = 1;
  }
  let [next, bits, previous, used, held, heldBits] = [FIRST, FEWEST_BITS, -1, 0, 0, 0];
  for (let at = 0; used < length; ) {
    while (heldBits < bits && at < data.length) {
      held = ((held << 8) | (data[at++] ?? 0)) & 0xff_ffff;
      heldBits += 8;
    }
    if (heldBits < bits) break;
    heldBits -= bits;
    const code = (held >>> heldBits) & ((1 << bits) - 1);
    if (code === END) break;
    if (code === CLEAR) {
      [next, bits, previous] = [FIRST, FEWEST_BITS, -1];
      continue;
    }
    const isKnown = code < CLEAR || (code >= FIRST && code < next);
    if (!isKnown && (code !== next || previous < 0)) throw new RangeError(`LZW code ${code} is not defined`);
    const copied = isKnown ? code : previous;
    const count = lengths[copied] ?? 0;
    const first = writeCode(out, used, copied, count, last, before);
    used += count;
    // A code that is used before it is defined ends with the first byte of the previous one.
    if (!isKnown && used < length) out[used++] = first;
    if (previous >= 0 && next < MAX_CODES) {
      last[next] = first;
      before[next] = previous;
      lengths[next] = (lengths[previous] ?? 0) + 1;
      next++;
    }
    if (next + 1 >= 1 << bits && bits < MAX_BITS) bits++;
    previous = code;
  }
  return used < length ? out.subarray(0, used) : out;
}

/** Writes the bytes of a code from last to first, and returns the first byte. */
function writeCode(
  out: Uint8Array,
  from: number,
  code: number,
  count: number,
  last: Uint8Array,
  before: Uint16Array,
): number {
  let at = code;
  for (let place = from + count - 1; place > from; place--) {
    if (place < out.length) out[place] = last[at] ?? 0;
    at = before[at] ?? 0;
  }
  if (from < out.length) out[from] = last[at] ?? 0;
  return last[at] ?? 0;
}

/**
 * Decodes PackBits (run-length encoding).
 *
 * @param length - Expected number of bytes; decoding stops there.
 * @see TIFF 6.0, section 9
 */
export function decodePackBits(data: Uint8Array, length: number): Uint8Array {
  const out = new Uint8Array(length);
  let used = 0;
  for (let at = 0; at < data.length && used < length; ) {
    const count = data[at++] ?? 0;
    if (count < 128) {
      const literal = data.subarray(at, at + Math.min(count + 1, length - used));
      out.set(literal, used);
      used += literal.length;
      at += count + 1;
    } else if (count > 128) {
      const end = Math.min(used + 257 - count, length);
      out.fill(data[at++] ?? 0, used, end);
      used = end;
    }
  }
  return used < length ? out.subarray(0, used) : out;
}

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
