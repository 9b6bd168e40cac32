import { halfToNumber } from '../tensors/tensor.ts';
import { latin1Bytes, narrow } from './pickle-bytes.ts';
import { type InterpreterTable, LIMITS, type PickleContext, type ReduceHandler } from './pickle-context.ts';
import {
  describe,
  isPickleObject,
  type Mutable,
  type NumpyArray,
  type NumpyData,
  type NumpyDType,
  type PickleValue,
} from './value.ts';

/** Bytes per element of the supported types. */
const ITEM_BYTES: ReadonlyMap<string, number> = new Map([
  ['b1', 1],
  ['i1', 1],
  ['u1', 1],
  ['i2', 2],
  ['u2', 2],
  ['f2', 2],
  ['i4', 4],
  ['u4', 4],
  ['f4', 4],
  ['i8', 8],
  ['u8', 8],
  ['f8', 8],
]);

/** Decodes the elements of an array; float16 is widened to float32. */
function decodeNumpy(type: NumpyDType, bytes: Uint8Array, context: PickleContext): NumpyData {
  const size = ITEM_BYTES.get(type.code);
  if (size === undefined || !type.simple) {
    throw context.unsupported(`it holds an array of numpy type ${type.code}${type.simple ? '' : ' (structured)'}`);
  }
  if (bytes.byteLength % size !== 0)
    throw context.corrupt(`${bytes.byteLength} bytes are not an array of ${type.code}`);
  context.chargeBytes(bytes.byteLength);
  return typedArray(type.code, nativeCopy(bytes, size, type.littleEndian));
}

/** Decodes a numpy scalar. */
function numpyScalar(type: NumpyDType, bytes: Uint8Array, context: PickleContext): number | bigint | boolean {
  const data = decodeNumpy(type, bytes, context);
  const [value] = data;
  if (data.length !== 1 || (typeof value !== 'number' && typeof value !== 'bigint')) {
    throw context.corrupt(`a numpy scalar of type ${type.code} has ${bytes.byteLength} bytes`);
  }
  if (type.code === 'b1') return value !== 0;
  return typeof value === 'bigint' ? narrow(value) : value;
}

/** Reorders the elements of an array from Fortran order to row-major order. */
function inRowMajorOrder(data: NumpyData, shape: readonly number[], context: PickleContext): NumpyData {
  if (shape.length < 2) return data;
  const sources = rowMajorSources(shape, data.length, context);
  if (Array.isArray(data)) return Array.from(sources, (source) => data[source] ?? null);
  const copy = data.slice();
  sources.forEach((source, index) => {
    copy[index] = data[source] ?? 0;
  });
  return copy;
}

/** Returns the index in Fortran order for each index in row-major order. */
function rowMajorSources(shape: readonly number[], count: number, context: PickleContext): Uint32Array {
  context.chargeBytes(12 * count);
  const sources = new Uint32Array(count);
  const position = shape.map(() => 0);
  for (let index = 0; index < count; index++) {
    let source = 0;
    for (let axis = shape.length - 1; axis >= 0; axis--) source = source * (shape[axis] ?? 0) + (position[axis] ?? 0);
    sources[index] = source;
    advance(position, shape);
  }
  return sources;
}

/** Advances to the next position in row-major order. */
function advance(position: number[], shape: readonly number[]): void {
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const next = (position[axis] ?? 0) + 1;
    if (next < (shape[axis] ?? 0)) {
      position[axis] = next;
      return;
    }
    position[axis] = 0;
  }
}

/** Returns an aligned copy in the byte order of the machine (little-endian). */
function nativeCopy(bytes: Uint8Array, size: number, littleEndian: boolean): ArrayBuffer {
  const copy = new Uint8Array(bytes);
  const swapped = Buffer.from(copy.buffer);
  if (!littleEndian && size === 2) swapped.swap16();
  if (!littleEndian && size === 4) swapped.swap32();
  if (!littleEndian && size === 8) swapped.swap64();
  return copy.buffer;
}

function typedArray(code: string, buffer: ArrayBuffer): NumpyData {
  switch (code) {
    case 'f2':
      return Float32Array.from(new Uint16Array(buffer), halfToNumber);
    case 'f4':
      return new Float32Array(buffer);
    case 'f8':
      return new Float64Array(buffer);
    case 'i1':
      return new Int8Array(buffer);
    case 'i2':
      return new Int16Array(buffer);
    case 'i4':
      return new Int32Array(buffer);
    case 'i8':
      return new BigInt64Array(buffer);
    case 'u2':
      return new Uint16Array(buffer);
    case 'u4':
      return new Uint32Array(buffer);
    case 'u8':
      return new BigUint64Array(buffer);
    default:
      return new Uint8Array(buffer);
  }
}

/** `numpy.dtype('f8', False, True)`; the byte order follows with BUILD. */
const dtype: ReduceHandler = ([code]) => {
  if (typeof code !== 'string') return undefined;
  return { kind: 'dtype', code: code.replace(/^[<>=|]/, ''), littleEndian: !code.startsWith('>'), simple: true };
};

/** `scalar(dtype, bytes)`: a number, a boolean, or a bigint beyond 2^53. Scalars of other types stay inert. */
const scalar: ReduceHandler = ([type, content], context) => {
  if (!isDType(type) || !ITEM_BYTES.has(type.code)) return undefined;
  return numpyScalar(type, bytesOf(content, context), context);
};

/** An empty array, which BUILD fills. An array of a subclass of ndarray stays inert. */
const reconstruct: ReduceHandler = ([type]) => {
  if (!isPickleObject(type) || type.kind !== 'global') return undefined;
  if (type.module !== 'numpy' || type.name !== 'ndarray') return undefined;
  return { kind: 'array', code: 'i1', shape: [0], data: new Int8Array(0) };
};

/** Protocol 5 writes arrays as `_frombuffer(bytes, dtype, shape, order)`. */
const fromBuffer: ReduceHandler = ([content, type, shape, order], context) => {
  if (!isDType(type)) throw context.unsupported(`an array is of ${describe(type)}`);
  return arrayOf(type, shapeOf(shape, context), content, order === 'F', context);
};

/** Calls in pickles that numpy writes, under their names before and since version 2. */
export const NUMPY_CALLS: InterpreterTable = {
  'numpy dtype': dtype,
  'numpy.core.multiarray scalar': scalar,
  'numpy._core.multiarray scalar': scalar,
  'numpy.core.multiarray _reconstruct': reconstruct,
  'numpy._core.multiarray _reconstruct': reconstruct,
  'numpy.core.numeric _frombuffer': fromBuffer,
  'numpy._core.numeric _frombuffer': fromBuffer,
};

/** Applies the state of a dtype: (version, byte order, sub-array, names, fields, size, alignment, flags). */
export function buildDType(target: Mutable<NumpyDType>, state: PickleValue, context: PickleContext): void {
  const [, order, subArray, names] = tupleOf(state, context);
  if (order !== '<' && order !== '>' && order !== '|' && order !== '=') {
    throw context.corrupt(`a numpy dtype has the byte order ${describe(order)}`);
  }
  target.littleEndian = order !== '>';
  target.simple = subArray === null && names === null;
}

/** Applies the state of an array: (version, shape, dtype, is Fortran order, content). */
export function buildArray(target: Mutable<NumpyArray>, state: PickleValue, context: PickleContext): void {
  const [shape, type, isFortran, content] = tupleOf(state, context).slice(-4);
  if (!isDType(type)) throw context.corrupt(`an array is of ${describe(type)}`);
  const made = arrayOf(type, shapeOf(shape, context), content, isFortran === true || isFortran === 1, context);
  target.code = made.code;
  target.shape = made.shape;
  target.data = made.data;
}

function arrayOf(
  type: NumpyDType,
  shape: readonly number[],
  content: PickleValue | undefined,
  isFortran: boolean,
  context: PickleContext,
): NumpyArray {
  const data = dataOf(type, content, context);
  const count = shape.reduce((product, length) => product * BigInt(length), 1n);
  if (count !== BigInt(data.length)) {
    throw context.corrupt(`an array of shape [${shape.join(', ')}] has ${data.length} elements`);
  }
  const code = isObject(type) ? 'O' : type.code;
  return { kind: 'array', code, shape, data: isFortran ? inRowMajorOrder(data, shape, context) : data };
}

function dataOf(type: NumpyDType, content: PickleValue | undefined, context: PickleContext): NumpyData {
  if (!isObject(type)) return decodeNumpy(type, bytesOf(content, context), context);
  if (!isPickleObject(content) || content.kind !== 'list') throw context.corrupt('an array of objects has no list');
  context.chargeObjects(content.items.length);
  return content.items.slice();
}

/** NumPy writes `O8`, where 8 is the size of a pointer. */
function isObject(type: NumpyDType): boolean {
  return type.simple && /^O\d*$/.test(type.code);
}

function shapeOf(value: PickleValue | undefined, context: PickleContext): readonly number[] {
  const lengths = typeof value === 'number' ? [value] : tupleOf(value, context);
  if (lengths.length > LIMITS.axes) throw context.corrupt('an array has too many axes');
  return lengths.map((length) => {
    if (typeof length === 'number' && Number.isSafeInteger(length) && length >= 0) return length;
    throw context.corrupt(`an array has ${describe(length)} as the length of an axis`);
  });
}

/** Returns bytes; Python 2 wrote them as a string. */
function bytesOf(value: PickleValue | undefined, context: PickleContext): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (typeof value === 'string') return latin1Bytes(value, context);
  throw context.corrupt(`numpy's content is ${describe(value)}`);
}

function tupleOf(value: PickleValue | undefined, context: PickleContext): readonly PickleValue[] {
  if (isPickleObject(value) && (value.kind === 'tuple' || value.kind === 'list')) return value.items;
  throw context.corrupt(`numpy's description is ${describe(value)}`);
}

function isDType(value: PickleValue | undefined): value is NumpyDType {
  return isPickleObject(value) && value.kind === 'dtype';
}
