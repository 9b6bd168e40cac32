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
