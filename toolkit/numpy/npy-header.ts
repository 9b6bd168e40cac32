import { ReigniteError } from '../errors.ts';

/** Supported element types with NumPy's descriptions, all little-endian. */
const DESCRIPTIONS = { int64: '<i8', float64: '<f8', float32: '<f4', uint16: '<u2' } as const;
export type NpyDtype = keyof typeof DESCRIPTIONS;

export interface NpyHeader {
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
export function writeNpyHeader(dtype: NpyDtype, shape: readonly number[]): Buffer {
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
