import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readFoundPoints, readPoints } from '../../../toolkit/metrics/points-file.ts';
import { writeNpy } from '../../../toolkit/numpy.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';
import { agreementOracle } from './agreement-oracle.ts';

describe('readPoints', () => {
  it("reads the authors' files, keeping float32", async () => {
    const { pointsFile } = agreementOracle('edge', 'pdl1');
    const points = await readPoints(pointsFile('edge_case47_pdl1_roi_2'), 'pdl1');
    expect(points).toHaveLength(46);
    expect(points[0]).toEqual({ x: Math.fround(228.03), y: Math.fround(355.76), class: 2 });
  });

  it('reads points of other types, and empty files', async () => {
    const path = join(await temporaryFolder(), 'points.npy');
    await writeNpy(path, { dtype: 'int64', shape: [1, 3], data: BigInt64Array.of(3n, 4n, 0n) });
    expect(await readPoints(path, 'nuclei')).toEqual([{ x: 3, y: 4, class: 0 }]);
    await writeNpy(path, { dtype: 'float32', shape: [0, 3], data: new Float32Array() });
    expect(await readPoints(path, 'nuclei')).toEqual([]);
  });

  it.each([
    ['another shape', [3, 1], [1, 2, 0], 'has the shape (3, 1)'],
    ['no second axis', [3], [1, 2, 0], 'has the shape (3)'],
    ['a class that nuclei have not', [1, 3], [1, 2, 2], 'has the class 2'],
    ['a place that is none', [1, 3], [1, Number.NaN, 0], 'is at (1, NaN)'],
  ])('refuses %s', async (_, shape, values, message) => {
    const path = join(await temporaryFolder(), 'points.npy');
    await writeNpy(path, { dtype: 'float64', shape, data: Float64Array.from(values) });
    await expect(readPoints(path, 'nuclei')).rejects.toMatchObject({
      code: 'NPY_INVALID',
      message: expect.stringContaining(message),
    });
  });

  it('says that a file is missing', async () => {
    await expect(readPoints(join(await temporaryFolder(), 'no.npy'), 'pdl1')).rejects.toMatchObject({
      code: 'FILE_MISSING',
    });
  });
});

describe('readFoundPoints', () => {
  it('reads the files that exist', async () => {
    const { annotations, pointsFile } = agreementOracle('edge', 'nuclei');
    const found = await readFoundPoints(dirname(pointsFile('any')), annotations);
    expect([...found].map(([stem, points]) => [stem, points.length])).toEqual([
      ['edge_case47_nuclei_roi_2', 104],
      ['edge_case47_nuclei_roi_3', 50],
    ]);
  });

  it('rejects a file that is not an array, and stops when aborted', async () => {
    const { annotations } = agreementOracle('edge', 'nuclei');
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'edge_case47_nuclei_roi_1.npy'), 'x');
    await expect(readFoundPoints(folder, annotations)).rejects.toMatchObject({ code: 'NPY_INVALID' });
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(readFoundPoints(folder, annotations, signal)).rejects.toThrow('enough');
  });
});
