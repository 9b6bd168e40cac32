import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeNpy, encodeNpy, type NpyArray, readNpy, writeNpy } from '../../../toolkit/numpy.ts';
import { heOracle } from '../metrics/he-oracle.ts';

const fixture = (name: string) => fileURLToPath(new URL(`../../fixtures/metrics/npy/${name}.npy`, import.meta.url));

const ARRAYS: Record<string, NpyArray> = {
  'confusion-int64': {
    dtype: 'int64',
    shape: [17, 17],
    data: BigInt64Array.from(heOracle.confusion.flat(), BigInt),
  },
  'points-float32': { dtype: 'float32', shape: [2, 3], data: Float32Array.of(1.5, 2.25, 0, 1023.99, 0.01, 2) },
  'empty-float32': { dtype: 'float32', shape: [0, 3], data: new Float32Array() },
  'line-float64': { dtype: 'float64', shape: [3], data: Float64Array.of(0.1, -0, 1e300) },
  'counts-uint16': { dtype: 'uint16', shape: [2, 2], data: Uint16Array.of(0, 65_535, 1, 256) },
  'scalar-float64': { dtype: 'float64', shape: [], data: Float64Array.of(0.5) },
};

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'npy-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

describe('.npy', () => {
  it.each(Object.entries(ARRAYS))('writes the same bytes for %s as NumPy, and reads them', async (name, array) => {
    const path = join(folder, `${name}.npy`);
    await writeNpy(path, array);
    expect(await readFile(path)).toEqual(await readFile(fixture(name)));
    expect(await readNpy(fixture(name))).toEqual(array);
  });

  it('reads whatever it writes, at any offset in memory', () => {
    fc.assert(
      fc.property(fc.float32Array({ maxLength: 40 }), fc.nat(7), (data, offset) => {
        const bytes = encodeNpy({ dtype: 'float32', shape: [data.length], data });
        const place = new Uint8Array(bytes.length + offset);
        place.set(bytes, offset);
        expect(decodeNpy(place.subarray(offset), 'x').data).toEqual(data);
      }),
    );
  });

  it('reads the longer header of version 2', async () => {
    const bytes = await readFile(fixture('line-float64'));
    const wide = Buffer.concat([bytes.subarray(0, 6), Buffer.from([2, 0, 0, 0, 0, 0]), bytes.subarray(10)]);
    wide.writeUInt32LE(bytes.readUInt16LE(8), 8);
    expect(decodeNpy(wide, 'x')).toEqual(ARRAYS['line-float64']);
  });

  it('converts a matrix from Fortran to C order, and rejects more axes', async () => {
    const bytes = await readFile(fixture('fortran-float64'));
    // numpy.load gives [[0, 1, 2], [3, 4, 5]].
    expect(decodeNpy(bytes, 'x')).toEqual({ dtype: 'float64', shape: [2, 3], data: Float64Array.of(0, 1, 2, 3, 4, 5) });
    const deep = Buffer.from(bytes.toString('latin1').replace('(2, 3), ', '(2,1,3),'), 'latin1');
    expect(() => decodeNpy(deep, 'x')).toThrow('x is in Fortran order and has 3 axes');
  });

  it('reads a matrix in Fortran order without columns, however many rows its header states', () => {
    const header = "{'descr': '<f4', 'fortran_order': True, 'shape': (9007199254740991, 0)}\n";
    const start = Buffer.from([0x93, ...Buffer.from('NUMPY'), 1, 0, header.length, 0]);
    const { shape, data } = decodeNpy(Buffer.concat([start, Buffer.from(header)]), 'x');
    expect(shape).toEqual([Number.MAX_SAFE_INTEGER, 0]);
    expect(data).toEqual(new Float32Array());
  });

  it('refuses big-endian-float32', async () => {
    await expect(readNpy(fixture('big-endian-float32'))).rejects.toMatchObject({
      code: 'NPY_INVALID',
      message: expect.stringContaining('contains values of type >f4'),
    });
  });

  it('rejects a file of any length but its own', async () => {
    const bytes = await readFile(fixture('counts-uint16'));
    for (let length = 0; length < bytes.length; length++) {
      expect(() => decodeNpy(bytes.subarray(0, length), 'x.npy')).toThrow(/^x\.npy /);
    }
    expect(() => decodeNpy(Buffer.concat([bytes, Buffer.of(0)]), 'x.npy')).toThrow(
      'x.npy has 9 bytes of values; its header states 8.',
    );
  });

  it.each([
    ['no array at all', 'PK\x03\x04 and so on, long enough', 'is not a .npy file but a zip'],
    ['nothing', '', 'is empty (0 bytes)'],
    ['a pickle', '\x80\x04\x95 and so on, long enough', 'is not a .npy file but a pickle'],
    [
      'Python objects',
      "\x93NUMPY\x01\x00\x36\x00{'descr': '|O', 'fortran_order': False, 'shape': (1,)}",
      'holds Python',
    ],
    ['named fields', "\x93NUMPY\x01\x00\x1c\x00{'descr': [('x', '<f4')], 'fo'", 'contains records with named fields'],
    ['another version', '\x93NUMPY\x09\x00\x02\x00{}', 'has the unknown .npy version 9'],
    ['a header without a shape', "\x93NUMPY\x01\x00\x0c\x00{'descr': '<'", 'has no readable header'],
  ])('refuses %s', async (_, text, message) => {
    const path = join(folder, 'wrong.npy');
    await writeFile(path, text, 'latin1');
    await expect(readNpy(path)).rejects.toMatchObject({
      code: 'NPY_INVALID',
      message: expect.stringContaining(`${path} ${message}`),
    });
  });

  it('says which file is missing', async () => {
    await expect(readNpy(join(folder, 'none.npy'))).rejects.toMatchObject({ code: 'FILE_MISSING' });
  });

  it('refuses to write values that do not match the shape', () => {
    expect(() => encodeNpy({ dtype: 'float64', shape: [2, 2], data: Float64Array.of(1) })).toThrow(
      'Expected 4 values for (2,2), got 1',
    );
  });
});
