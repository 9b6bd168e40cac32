import { roundHalfEven } from '../../numpy.ts';

const FLOAT = new Float32Array(1);
const BITS = new Uint32Array(FLOAT.buffer);

/** Returns the value of a float16 (IEEE 754 binary16) from its 16 bits. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Returns the float16 nearest to a positive number below 65504, ties to even. */
export function nearestHalf(value: number): number {
  const exponent = Math.max(Math.floor(Math.log2(value)), -14);
  const step = 2 ** (exponent - 10);
  return roundHalfEven(value / step) * step;
}

/** Returns the 16 bits of the float16 nearest to a number, ties to even; infinity beyond the largest. */
export function toHalfBits(value: number): number {
  if (Number.isNaN(value)) return 0x7e00;
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (size === 0) return sign;
  // Halfway to the number that would follow the largest, 65504.
  if (size >= 65520) return sign | 0x7c00;
  const rounded = nearestHalf(size);
  if (rounded < 2 ** -14) return sign | (rounded * 2 ** 24);
  const exponent = Math.floor(Math.log2(rounded));
  return sign | ((exponent + 15) << 10) | ((rounded / 2 ** exponent - 1) * 1024);
}

/**
 * Returns the 16 bits of the float16 nearest to each number, like {@link toHalfBits}, but in a twentieth of the time,
 * because a network has millions of weights.
 */
export function toHalves(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const halves = new Uint16Array(values.length);
  for (let at = 0; at < halves.length; at++) {
    const word = bits[at] ?? 0;
    const sign = (word >>> 16) & 0x8000;
    const size = word & 0x7fffffff;
    if (size > 0x7f800000) halves[at] = 0x7e00;
    // From 65520 on: halfway to the number that would follow the largest.
    else if (size >= 0x477ff000) halves[at] = sign | 0x7c00;
    // Below 2^-14 halves are multiples of 2^-24.
    else if (size < 0x38800000) halves[at] = sign | roundHalfEven(Math.abs(values[at] ?? 0) * 2 ** 24);
    // Rounds 13 bits away, ties to even, which may carry into the exponent, and changes the exponent bias.
    else halves[at] = sign | ((size + 0xfff + ((size >>> 13) & 1) - 0x38000000) >>> 13);
  }
  return halves;
}

/** Returns the value of a bfloat16 from its 16 bits, which are the upper half of a float32. */
export function bfloatToNumber(bits: number): number {
  BITS[0] = bits << 16;
  return FLOAT[0] ?? 0;
}
