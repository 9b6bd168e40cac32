import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, it } from 'vitest';
import { readPointsToScore } from '../../../toolkit/evaluate/read-points.ts';
import { checkMasks } from '../../../toolkit/evaluate/scored-masks.ts';
import { encodeNpy } from '../../../toolkit/numpy.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';
import { agreementOracle } from '../metrics/agreement-oracle.ts';

it('says for each faulty points file what to do about its fault', async () => {
  const { annotations } = agreementOracle('edge', 'nuclei');
  const [one = '', other = ''] = annotations.images.map(({ stem }) => stem);
  const folder = await temporaryFolder();
  const points = (columns: number, ...values: number[]) =>
    encodeNpy({ dtype: 'float32', shape: [values.length / columns, columns], data: Float32Array.from(values) });
  const remedyOf = () =>
    readPointsToScore(folder, annotations).then(
      () => 'none',
      (error: unknown) => (error instanceof Error && 'remedy' in error ? error.remedy : error),
    );
  const path = join(folder, `${one}.npy`);
  await writeFile(path, points(3, 1, 2, 9));
  expect(await remedyOf()).toMatch(/^Number the classes from 0 /);
  await writeFile(path, points(3, Number.NaN, 2, 0));
  expect(await remedyOf()).toBe('Remove the point, or correct its coordinates, in px.');
  await writeFile(path, points(4, 1, 2, 0, 0));
  expect(await remedyOf()).toMatch(/one row per cell and three columns/);
  await writeFile(join(folder, `${other}.npy`), 'text');
  expect(await remedyOf()).toMatch(/numpy\.save.* three columns|three columns.*numpy\.save/);
});

it('says how to save a mask that is not of 8-bit labels', async () => {
  const folder = await temporaryFolder();
  const [annotation, prediction] = [join(folder, 'truth.png'), join(folder, 'mask.png')];
  const image = sharp({ create: { width: 2, height: 2, channels: 3, background: 'red' } });
  await image.clone().toColourspace('b-w').png().toFile(annotation);
  await image.clone().png().toFile(prediction);
  await expect(checkMasks([{ roi: 'one', annotation, prediction }], undefined)).rejects.toMatchObject({
    code: 'IMAGE_UNREADABLE',
    remedy: 'Save the mask as an 8-bit grey PNG whose pixel values are the labels.',
  });
});
