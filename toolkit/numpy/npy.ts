import { readFile, stat } from 'node:fs/promises';
import { ReigniteError } from '../errors.ts';
import { writeFileAtomic } from '../files/atomic-write.ts';
import { hasCode } from '../files/disk-error.ts';
import { refuseStream } from '../files/regular-file.ts';
import { type NpyDtype, parseNpyHeader, writeNpyHeader } from './npy-header.ts';

/** An array as stored in a .npy file: values in C order (last axis fastest). */
export type NpyArray =
  | { readonly dtype: 'int64'; readonly shape: readonly number[]; readonly data: BigInt64Array }
  | { readonly dtype: 'float64'; readonly shape: readonly number[]; readonly data: Float64Array }
  | { readonly dtype: 'float32'; readonly shape: readonly number[]; readonly data: Float32Array }
  | { readonly dtype: 'uint16'; readonly shape: readonly number[]; readonly data: Uint16Array };

const BYTES: Readonly<Record<NpyDtype, number>> = { int64: 8, float64: 8, float32: 4, uint16: 2 };

/**
 * Encodes an array as `numpy.save` does (format version 1.0, little-endian).
 *
 * @throws RangeError if the shape does not match the number of values.
 * @example
 * const bytes = encodeNpy({ dtype: 'float32', shape: [2], data: Float32Array.of(1, 2) });
 */
export function encodeNpy({ dtype, shape, data }: NpyArray): Uint8Array {
  const length = elementsOf(shape);
  if (length !== data.length) throw new RangeError(`Expected ${length} values for (${shape}), got ${data.length}`);
  const values = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return Buffer.concat([writeNpyHeader(dtype, shape), values]);
}

/**
 * Reads the bytes of a .npy file: little-endian int64, float64, float32 or uint16. An array in Fortran order, as NumPy
 * saves a transposed one, is converted to C order; it may have at most two axes.
 *
 * @param name - Name of the file in errors.
 * @throws ReigniteError NPY_INVALID for other types, more axes in Fortran order, and when the length does not match the header.
 * @example
 * const { shape, data } = decodeNpy(await readFile('points.npy'), 'points.npy');
 * @see [NumPy's format specification](https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html)
 */
export function decodeNpy(bytes: Uint8Array, name: string): NpyArray {
  const { dtype, shape, isFortranOrder, dataOffset } = parseNpyHeader(bytes, name);
  const found = bytes.length - dataOffset;
  const expected = elementsOf(shape) * BYTES[dtype];
  if (found !== expected) {
    const cause = `${name} has ${found} bytes of values; its header states ${expected}.`;
    throw new ReigniteError('NPY_INVALID', cause);
  }
  // A copy, because a typed array must start at a multiple of its element's size.
  const values = new Uint8Array(bytes.subarray(dataOffset));
  const { buffer } = isFortranOrder ? inCOrder(values, shape, BYTES[dtype], name) : values;
  switch (dtype) {
    case 'int64':
      return { dtype, shape, data: new BigInt64Array(buffer) };
    case 'float64':
      return { dtype, shape, data: new Float64Array(buffer) };
    case 'float32':
      return { dtype, shape, data: new Float32Array(buffer) };
    case 'uint16':
      return { dtype, shape, data: new Uint16Array(buffer) };
  }
}

/**
 * Writes a .npy file, byte for byte as `numpy.save` does.
 *
 * @throws RangeError as {@link encodeNpy}; ReigniteError NO_SPACE, NOT_WRITABLE.
 * @example
 * await writeNpy('points.npy', { dtype: 'float32', shape: [1, 3], data: Float32Array.of(12.5, 8, 0) });
 */
export async function writeNpy(path: string, array: NpyArray): Promise<void> {
  await writeFileAtomic(path, encodeNpy(array));
}

/**
 * Reads a .npy file.
 *
 * @throws ReigniteError FILE_MISSING; USAGE for a named pipe, a device or a socket; or NPY_INVALID as {@link decodeNpy}.
 * @example const { shape, data } = await readNpy('points.npy');
 */
export async function readNpy(path: string): Promise<NpyArray> {
  try {
    refuseStream(path, await stat(path));
    return decodeNpy(await readFile(path), path);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) {
      throw new ReigniteError('FILE_MISSING', `File not found: ${path}.`, { cause: error });
    }
    if (hasCode(error, 'EISDIR')) {
      const remedy = 'Name a .npy file.';
      throw new ReigniteError('NPY_INVALID', `${path} is a folder, not a file.`, { cause: error, remedy });
    }
    throw error;
  }
}

/** Transposes the values of a matrix; with fewer axes both orders are the same. */
function inCOrder(values: Uint8Array<ArrayBuffer>, shape: readonly number[], bytes: number, name: string) {
  const [rows = 1, columns = 1, ...more] = shape;
  if (more.length > 0) {
    const cause = `${name} is in Fortran order and has ${shape.length} axes; at most two are read in that order.`;
    throw new ReigniteError('NPY_INVALID', cause);
  }
  // The header may declare any number of rows with no columns.
  if (values.length === 0) return values;
  const ordered = new Uint8Array(values.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const from = bytes * (column * rows + row);
      ordered.set(values.subarray(from, from + bytes), bytes * (row * columns + column));
    }
  }
  return ordered;
}

function elementsOf(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}
