import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  bfloatToNumber,
  type DType,
  halfToNumber,
  spanOf,
  type TensorRef,
  toFloat32,
  toHalfBits,
  toHalves,
} from '../../../toolkit/pytorch/tensors/tensor.ts';

function tensor(dtype: DType, shape: readonly number[], strides: readonly number[], offset: number): TensorRef {
  const storage = { kind: 'storage', key: '0', dtype, byteOffset: 0, byteLength: 1e6, storedBytes: 1e6 } as const;
  return { kind: 'tensor', dtype, shape, strides, offset, storage };
}

function values(of: TensorRef, buffer: ArrayBuffer): number[] {
  const span = spanOf(of);
  return Array.from(toFloat32(of, new Uint8Array(buffer.slice(span.offset, span.offset + span.byteLength))));
}

/** The definition, element by element. */
function byIndex({ shape, strides, offset }: TensorRef, elements: Float32Array): number[] {
  const walk = (axis: number, at: number): number[] =>
    axis === shape.length
      ? [elements[at] ?? Number.NaN]
      : Array.from({ length: shape[axis] ?? 0 }, (_, k) => walk(axis + 1, at + k * (strides[axis] ?? 0))).flat();
  return walk(0, offset);
}

describe('toFloat32', () => {
  it('follows any strides and offset', () => {
    const elements = Float32Array.from({ length: 400 }, (_, k) => k);
    const axis = fc.record({ length: fc.nat(4), stride: fc.nat(20) });
    fc.assert(
      fc.property(fc.array(axis, { maxLength: 4 }), fc.nat(50), (axes, offset) => {
        const shape = axes.map(({ length }) => length);
        const strides = axes.map(({ stride }) => stride);
        const view = tensor('float32', shape, strides, offset);
        expect(values(view, elements.buffer)).toEqual(byIndex(view, elements));
      }),
    );
  });

  it.each<[DType, ArrayBuffer, number[]]>([
    ['float64', new Float64Array([0.1, -2]).buffer, [Math.fround(0.1), -2]],
    ['float16', new Uint16Array([0x3c00, 0xc000]).buffer, [1, -2]],
    ['bfloat16', new Uint16Array([0x3f80, 0xc000]).buffer, [1, -2]],
    ['int64', new BigInt64Array([2n ** 40n, -3n]).buffer, [2 ** 40, -3]],
    ['int32', new Int32Array([16777217, -3]).buffer, [16777216, -3]],
    ['int16', new Int16Array([300, -3]).buffer, [300, -3]],
    ['int8', new Int8Array([100, -3]).buffer, [100, -3]],
    ['uint8', new Uint8Array([200, 3]).buffer, [200, 3]],
    ['bool', new Uint8Array([0, 255]).buffer, [0, 1]],
  ])('converts %s', (dtype, buffer, expected) => {
    expect(values(tensor(dtype, [2], [1], 0), buffer)).toEqual(expected);
  });
});

describe('16-bit numbers', () => {
  it.each([
    [0x0000, 0],
    [0x8000, -0],
    [0x0001, 2 ** -24],
    [0x03ff, 1023 * 2 ** -24],
    [0x0400, 2 ** -14],
    [0x3555, 1365 / 4096],
    [0x7bff, 65504],
    [0xfbff, -65504],
    [0x7c00, Number.POSITIVE_INFINITY],
    [0xfc00, Number.NEGATIVE_INFINITY],
    [0x7e00, Number.NaN],
  ])('reads float16 0x%s', (bits, expected) => expect(halfToNumber(bits)).toBe(expected));

  it.each([
    [0x0001, 2 ** -133],
    [0x3f80, 1],
    [0x4049, 3.140625],
    [0xff80, Number.NEGATIVE_INFINITY],
    [0x7fc0, Number.NaN],
  ])('reads bfloat16 0x%s', (bits, expected) => expect(bfloatToNumber(bits)).toBe(expected));
});

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
