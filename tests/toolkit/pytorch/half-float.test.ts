import { expect, it } from 'vitest';
import { toHalfBits, toHalves } from '../../../toolkit/pytorch/tensors/half-float.ts';

it('converts many numbers to halves like a single one', () => {
  const edges = [0, -0, 1, -1, 65504, 65519.99, 65520, -65520, 1e30, -1e30, Infinity, -Infinity, Number.NaN];
  const small = [2 ** -14, 2 ** -24, 2 ** -25, 1.5 * 2 ** -25, 2 ** -14 - 2 ** -25, 6.1e-5, 3e-8, 1e-38, -3.3e-6];
  const ties = Array.from({ length: 64 }, (_, at) => 1 + (2 * at + 1) / 2048);
  const many = Array.from(
    { length: 20_000 },
    (_, at) => (at % 2 === 0 ? 1 : -1) * 2 ** ((at % 601) / 12 - 30) * (1 + at / 7919),
  );
  const values = Float32Array.from([...edges, ...small, ...ties, ...many]);
  expect(toHalves(values)).toEqual(Uint16Array.from(values, toHalfBits));
});
