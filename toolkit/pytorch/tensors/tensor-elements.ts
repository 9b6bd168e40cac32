import { bfloatToNumber, halfToNumber } from './half-float.ts';
import { type DType, ELEMENT_BYTES, elementCount, type TensorRef } from './tensor.ts';

/** The byte range of its storage that a tensor refers to. */
export interface Span {
  readonly offset: number;
  readonly byteLength: number;
}

/**
 * Returns the byte range of a tensor within its storage, from its first to its last element.
 *
 * @example
 * const { offset, byteLength } = spanOf(tensor);
 */
export function spanOf(tensor: TensorRef): Span {
  const size = ELEMENT_BYTES[tensor.dtype];
  if (elementCount(tensor.shape) === 0) return { offset: 0, byteLength: 0 };
  const reach = tensor.strides.reduce((sum, stride, axis) => sum + stride * ((tensor.shape[axis] ?? 1) - 1), 0);
  return { offset: tensor.offset * size, byteLength: (reach + 1) * size };
}

/**
 * Converts a tensor to row-major float32: half types are widened exactly, float64 and integers rounded to nearest,
 * booleans become 0 and 1.
 *
 * @param span - The bytes of `spanOf(tensor)`, aligned and little-endian.
 * @example
 * const values = toFloat32(tensor, bytes); // bytes: those of spanOf(tensor)
 */
export function toFloat32(tensor: TensorRef, span: Uint8Array<ArrayBuffer>): Float32Array {
  const { buffer, byteOffset, byteLength } = span;
  const count = elementCount(tensor.shape);
  if (isContiguous(tensor) && tensor.dtype === 'float32') return new Float32Array(buffer, byteOffset, count);
  const elementAt = elementReader(tensor.dtype, buffer, byteOffset, byteLength / ELEMENT_BYTES[tensor.dtype]);
  const result = new Float32Array(count);
  if (isContiguous(tensor)) {
    for (let index = 0; index < count; index++) result[index] = elementAt(index);
  } else gather(tensor, elementAt, result);
  return result;
}

/** Returns whether the elements are contiguous and row-major in the storage. Axes of length 1 do not matter. */
function isContiguous({ shape, strides }: TensorRef): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const length = shape[axis] ?? 1;
    if (length !== 1 && strides[axis] !== expected) return false;
    expected *= length;
  }
  return true;
}

function gather({ shape, strides }: TensorRef, elementAt: (index: number) => number, result: Float32Array): void {
  const position = shape.map(() => 0);
  let source = 0;
  for (let index = 0; index < result.length; index++) {
    result[index] = elementAt(source);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const length = shape[axis] ?? 1;
      const stride = strides[axis] ?? 0;
      const next = (position[axis] ?? 0) + 1;
      if (next < length) {
        position[axis] = next;
        source += stride;
        break;
      }
      position[axis] = 0;
      source -= stride * (length - 1);
    }
  }
}

function elementReader(dtype: DType, buffer: ArrayBuffer, offset: number, count: number): (index: number) => number {
  if (dtype === 'int64') {
    const elements = new BigInt64Array(buffer, offset, count);
    return (index) => Number(elements[index] ?? 0n);
  }
  const elements = typedArray(dtype, buffer, offset, count);
  if (dtype === 'float16') return (index) => halfToNumber(elements[index] ?? 0);
  if (dtype === 'bfloat16') return (index) => bfloatToNumber(elements[index] ?? 0);
  if (dtype === 'bool') return (index) => (elements[index] === 0 ? 0 : 1);
  return (index) => elements[index] ?? 0;
}

function typedArray(dtype: Exclude<DType, 'int64'>, buffer: ArrayBuffer, offset: number, count: number) {
  switch (dtype) {
    case 'float32':
      return new Float32Array(buffer, offset, count);
    case 'float64':
      return new Float64Array(buffer, offset, count);
    case 'float16':
    case 'bfloat16':
      return new Uint16Array(buffer, offset, count);
    case 'int32':
      return new Int32Array(buffer, offset, count);
    case 'int16':
      return new Int16Array(buffer, offset, count);
    case 'int8':
      return new Int8Array(buffer, offset, count);
    default:
      return new Uint8Array(buffer, offset, count);
  }
}
