import { readFile, stat } from 'node:fs/promises';
import { ReigniteError } from './errors.ts';
import { writeFileAtomic } from './files/atomic-write.ts';
import { fileMissing, hasCode, refuseStream } from './files/file-access.ts';

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
    if (hasCode(error, 'ENOENT')) throw fileMissing(path, error);
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

/** Supported element types with NumPy's descriptions, all little-endian. */
const DESCRIPTIONS = { int64: '<i8', float64: '<f8', float32: '<f4', uint16: '<u2' } as const;
type NpyDtype = keyof typeof DESCRIPTIONS;

interface NpyHeader {
  readonly dtype: NpyDtype;
  readonly shape: readonly number[];
  /** Whether the first axis is the fastest, as NumPy saves the transpose of an array. */
  readonly isFortranOrder: boolean;
  /** Where the values start, in bytes. */
  readonly dataOffset: number;
}

const MAGIC = Buffer.from('\x93NUMPY', 'latin1');
/** NumPy reserves space for a longer first axis: as many characters as 2^64 - 1 and a sign need. */
const GROWING_AXIS_CHARACTERS = 21;
/** NumPy's own limit for headers that it did not write itself. */
const MAX_HEADER_BYTES = 10_000;

/**
 * Returns the header of format version 1.0, padded like NumPy's: the values start at a multiple of 64 bytes.
 *
 * @see https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 */
function writeNpyHeader(dtype: NpyDtype, shape: readonly number[]): Buffer {
  const axes = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const description = `{'descr': '${DESCRIPTIONS[dtype]}', 'fortran_order': False, 'shape': (${axes}), }`;
  const growth = shape.length === 0 ? 0 : GROWING_AXIS_CHARACTERS - String(shape[0]).length;
  const unpadded = MAGIC.length + 4 + description.length + growth + 1;
  const padding = growth + (64 - (unpadded % 64));
  const header = Buffer.from(`${description}${' '.repeat(padding)}\n`, 'latin1');
  const length = Buffer.alloc(2);
  length.writeUInt16LE(header.length);
  return Buffer.concat([MAGIC, Buffer.from([1, 0]), length, header]);
}

/**
 * Reads the header of format version 1, 2 or 3.
 *
 * @throws ReigniteError NPY_INVALID naming the file and what is wrong with it.
 */
export function parseNpyHeader(bytes: Uint8Array, name: string): NpyHeader {
  const refuse = (what: string): never => {
    throw new ReigniteError('NPY_INVALID', `${name} ${what}.`);
  };
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (file.length === 0) return refuse('is empty (0 bytes)');
  if (file.length < 12 || !file.subarray(0, 6).equals(MAGIC)) return refuse(`is not a .npy file${kindOf(file)}`);
  const version = file[6] ?? 0;
  if (version < 1 || version > 3) return refuse(`has the unknown .npy version ${version}`);
  const start = version === 1 ? 10 : 12;
  const length = version === 1 ? file.readUInt16LE(8) : file.readUInt32LE(8);
  if (length > MAX_HEADER_BYTES || start + length > file.length) return refuse('ends within its header');
  const text = file.toString('latin1', start, start + length);

  const description = /'descr':\s*'([^']*)'/.exec(text)?.[1];
  const order = /'fortran_order':\s*(True|False)/.exec(text)?.[1];
  const axes = /'shape':\s*\(([\d,\s]*)\)/.exec(text)?.[1];
  if (/'descr':\s*\[/.test(text)) return refuse('contains records with named fields instead of numbers');
  if (description === undefined || order === undefined || axes === undefined) return refuse('has no readable header');
  const dtype = dtypeOf(description);
  if (description.includes('O'))
    return refuse('holds Python objects, which reignite never reads, because they may run code');
  if (dtype === undefined) return refuse(`contains values of type ${description}, not one of <i8, <f8, <f4, <u2`);
  const shape = axes.split(',').flatMap((axis) => (axis.trim() === '' ? [] : [Number(axis)]));
  if (!shape.every(Number.isSafeInteger)) return refuse(`has the impossible shape (${axes})`);
  return { dtype, shape, isFortranOrder: order === 'True', dataOffset: start + length };
}

/** Returns the format that the first bytes suggest for a file that is not .npy. */
function kindOf(file: Buffer): string {
  if (file.toString('latin1', 0, 2) === 'PK') return ' but a zip, such as numpy.savez writes';
  if (file[0] === 0x80) return ' but a pickle, which reignite never reads, because it may run code';
  return '';
}

function dtypeOf(description: string): NpyDtype | undefined {
  const known: readonly NpyDtype[] = ['int64', 'float64', 'float32', 'uint16'];
  return known.find((dtype) => DESCRIPTIONS[dtype] === description);
}

/** Rounds to the nearest integer, ties to even, like `numpy.round` and C's `rint`. */
export function roundHalfEven(value: number): number {
  const below = Math.floor(value);
  const fraction = value - below;
  if (fraction !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}

/**
 * Rounds to two decimals as `numpy.round(x, 2)` does: rint(100·x) / 100, halves of the scaled value to even.
 *
 * 100·x is itself rounded, so 0.285 (a little less than it says) gives 0.28 and 2.675 gives 2.68.
 */
export function roundAsNumpy(value: number): number {
  return roundHalfEven(value * 100) / 100;
}

/**
 * Formats a value with two decimals like Python's `format(x, '.2f')`: the exact value decides, ties go to even.
 *
 * `toFixed` is exact too but rounds ties up. A binary fraction is halfway between two hundredths only if it is an odd
 * multiple of 1/8 (odd/200 needs its factor 25 back from the numerator), so only those differ: 0.125 is "0.12".
 *
 * @param value - Below 1e21 in magnitude.
 */
export function formatTwoDecimals(value: number): string {
  const magnitude = Math.abs(value);
  const isHalfway = (magnitude * 8) % 2 === 1;
  if (!isHalfway) return value.toFixed(2);
  return `${value < 0 ? '-' : ''}${roundAsNumpy(magnitude).toFixed(2)}`;
}
