import { roundHalfEven } from '../../numpy.ts';

/** Supported element types, with PyTorch's names. */
export type DType =
  | 'float32'
  | 'float16'
  | 'bfloat16'
  | 'float64'
  | 'int64'
  | 'int32'
  | 'int16'
  | 'int8'
  | 'uint8'
  | 'bool';

/** Bytes per element in a storage. */
export const ELEMENT_BYTES: Readonly<Record<DType, number>> = {
  float32: 4,
  float16: 2,
  bfloat16: 2,
  float64: 8,
  int64: 8,
  int32: 4,
  int16: 2,
  int8: 1,
  uint8: 1,
  bool: 1,
};

/** Returns the bytes per unit in which a storage counts: its elements, or single bytes if it is untyped. */
export function storageElementBytes(dtype: DType | 'bytes'): number {
  return dtype === 'bytes' ? 1 : ELEMENT_BYTES[dtype];
}

/** A range of bytes in the checkpoint that tensors refer to. Several tensors may share one. */
export interface StorageRef {
  readonly kind: 'storage';
  /** Name of the storage in its file: the entry `data/<key>` of a zip, an item of the key list of a stream. */
  readonly key: string;
  /** Element type of a typed storage; `bytes` for an untyped one. */
  readonly dtype: DType | 'bytes';
  /** Where this storage starts in the stored bytes of `key`; not 0 only for the storage views of old streams. */
  readonly byteOffset: number;
  /** Bytes of this storage. */
  readonly byteLength: number;
  /** Bytes stored under `key`, as the pickle claims; compared with the file when the checkpoint is opened. */
  readonly storedBytes: number;
}

/**
 * A reference to a tensor that has not been read: its storage, offset, shape and strides in elements. When it is
 * created, it is checked to be within its storage. It may have more elements than that: see `repeatsElements`.
 */
export interface TensorRef {
  readonly kind: 'tensor';
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Distance between neighbours along each axis, in elements. */
  readonly strides: readonly number[];
  /** First element, counted in elements from the beginning of the storage. */
  readonly offset: number;
  readonly storage: StorageRef;
}

/** Returns whether a tensor has more elements than its storage: a few bytes could make one of any size. */
export function repeatsElements({ dtype, shape, storage }: TensorRef): boolean {
  const count = shape.reduce((product, length) => product * BigInt(length), 1n);
  return count > BigInt(Math.floor(storage.byteLength / ELEMENT_BYTES[dtype]));
}

/** Returns the number of elements of a shape; 1 for the empty shape of a scalar. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((count, length) => count * length, 1);
}

/** Element types of the supported storage classes of PyTorch. */
const STORAGE_DTYPES: ReadonlyMap<string, DType> = new Map([
  ['FloatStorage', 'float32'],
  ['HalfStorage', 'float16'],
  ['BFloat16Storage', 'bfloat16'],
  ['DoubleStorage', 'float64'],
  ['LongStorage', 'int64'],
  ['IntStorage', 'int32'],
  ['ShortStorage', 'int16'],
  ['CharStorage', 'int8'],
  ['ByteStorage', 'uint8'],
  ['BoolStorage', 'bool'],
]);

const STORAGE_MODULES: ReadonlySet<string> = new Set(['torch', 'torch.cuda', 'torch.storage']);

/** Names of the element types, `torch.float32` and so on, with their older aliases. */
const TORCH_DTYPES: ReadonlyMap<string, DType> = new Map([
  ['float32', 'float32'],
  ['float', 'float32'],
  ['float16', 'float16'],
  ['half', 'float16'],
  ['bfloat16', 'bfloat16'],
  ['float64', 'float64'],
  ['double', 'float64'],
  ['int64', 'int64'],
  ['long', 'int64'],
  ['int32', 'int32'],
  ['int', 'int32'],
  ['int16', 'int16'],
  ['short', 'int16'],
  ['int8', 'int8'],
  ['uint8', 'uint8'],
  ['bool', 'bool'],
]);

/** Returns the element type of a storage class, `bytes` for the untyped one, undefined for any other name. */
export function storageDType(module: string, name: string): DType | 'bytes' | undefined {
  if (!STORAGE_MODULES.has(module)) return undefined;
  return name === 'UntypedStorage' ? 'bytes' : STORAGE_DTYPES.get(name);
}

/** Returns whether a name is a supported storage class. */
export function isStorageClass(module: string, name: string): boolean {
  return storageDType(module, name) !== undefined;
}

/** Returns the element type of a name such as `torch.float32`, if it is supported. */
export function torchDType(module: string, name: string): DType | undefined {
  return module === 'torch' ? TORCH_DTYPES.get(name) : undefined;
}

/** Returns whether a name is a supported element type. */
export function isTorchDType(module: string, name: string): boolean {
  return torchDType(module, name) !== undefined;
}

/** The byte range of its storage that a tensor refers to. */
interface Span {
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
