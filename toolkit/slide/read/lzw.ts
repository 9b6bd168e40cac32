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
