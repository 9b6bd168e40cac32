import { roundHalfEven } from '../../numpy/round.ts';

const FLOAT = new Float32Array(1);
const BITS = new Uint32Array(FLOAT.buffer);

/** The value of a float16 (IEEE 754 binary16) from its 16 bits. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The float16 nearest to a positive number below 65504; the even one of two. */
export function nearestHalf(value: number): number {
  const exponent = Math.max(Math.floor(Math.log2(value)), -14);
  const step = 2 ** (exponent - 10);
  return roundHalfEven(value / step) * step;
}

/** The 16 bits of the float16 nearest to a number, the even one of two; beyond the largest, infinity. */
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

/** The value of a bfloat16 from its 16 bits: the upper half of a float32. */
export function bfloatToNumber(bits: number): number {
  BITS[0] = bits << 16;
  return FLOAT[0] ?? 0;
}
