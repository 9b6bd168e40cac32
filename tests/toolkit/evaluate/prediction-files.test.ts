import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, it } from 'vitest';
import { evaluateMasks } from '../../../toolkit/evaluate/evaluate-masks.ts';
import { namesLike, namesMeantFor, readPointsToScore } from '../../../toolkit/evaluate/prediction-files.ts';
import { checkMasks } from '../../../toolkit/evaluate/scored-masks.ts';
import { encodeLabels } from '../../../toolkit/image/encode-png.ts';
import { encodeNpy, writeNpy } from '../../../toolkit/numpy.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';
import { agreementOracle } from '../metrics/agreement-oracle.ts';

const [COMPOSED, DECOMPOSED] = ['\u00dcbung', 'U\u0308bung'];

it('finds a name in the other encoding of its letters, but prefers the same one', () => {
  expect(namesLike([DECOMPOSED])(COMPOSED)).toBe(DECOMPOSED);
  expect(namesLike([COMPOSED])(DECOMPOSED)).toBe(COMPOSED);
  expect(namesLike([COMPOSED, DECOMPOSED])(COMPOSED)).toBe(COMPOSED);
  expect(namesLike([COMPOSED])('Ubung')).toBeUndefined();
});

it('finds a name whose ending is in capitals, but prefers the same one', () => {
  expect(namesLike(['a.NPY'])('a.npy')).toBe('a.NPY');
  expect(namesLike(['a.NPY', 'a.npy'])('a.npy')).toBe('a.npy');
  expect(namesLike(['A.npy'])('a.npy')).toBeUndefined();
});

it('finds files that are probably meant for a missing one', () => {
  expect(namesMeantFor('a.png', ['a.tif', 'A.png', 'b.png', 'a.png'])).toEqual(['a.tif', 'A.png']);
});

it('names points that are not read, because they are not in an .npy file', async () => {
  const folder = await temporaryFolder();
  const { annotations } = agreementOracle('edge', 'nuclei');
  const [image] = annotations.images;
  if (image === undefined) throw new Error('Expected an image');
  const images = ['first', 'second'].map((stem) => ({ ...image, stem }));
  await writeFile(join(folder, 'second.csv'), '1,2,0');
  await expect(readPointsToScore(folder, { ...annotations, images })).rejects.toMatchObject({
    code: 'ROI_WITHOUT_PAIR',
    message: expect.stringContaining('only second.csv'),
  });
  await writeNpy(join(folder, 'first.NPY'), { dtype: 'float32', shape: [1, 3], data: Float32Array.of(1, 2, 0) });
  const { found, remarks } = await readPointsToScore(folder, { ...annotations, images });
  expect([...found.keys()]).toEqual(['first']);
  expect(remarks).toEqual([
    'Images have no .npy file, but files that are not read: second.csv. Save their points as .npy.',
  ]);
  await rename(join(folder, 'second.csv'), join(folder, 'Second.npy'));
  expect((await readPointsToScore(folder, { ...annotations, images })).remarks).toEqual([
    expect.stringContaining('Second.npy belongs to no image'),
    'Images have no .npy file, but one with other capitals: Second.npy. Rename these files as the images.',
  ]);
});

it('says whether the folder of points is missing, or a file', async () => {
  const { annotations } = agreementOracle('edge', 'nuclei');
  const file = join(await temporaryFolder(), 'points.npy');
  await expect(readPointsToScore(file, annotations)).rejects.toMatchObject({ code: 'FILE_MISSING' });
  await writeFile(file, '');
  await expect(readPointsToScore(file, annotations)).rejects.toMatchObject({
    code: 'USAGE',
    message: `${file} is a file, not a folder.`,
  });
});

it('names masks that are not read, because they are neither PNG nor TIFF files', async () => {
  const folder = await temporaryFolder();
  const [truth, predictions] = [join(folder, 'truth'), join(folder, 'masks')];
  const mask = { width: 2, height: 1, data: Uint8Array.of(1, 2) };
  for (const each of [truth, predictions]) await mkdir(each);
  await encodeLabels(join(truth, 'a.png'), mask);
  await encodeLabels(join(predictions, 'a.png'), mask);
  await rename(join(predictions, 'a.png'), join(predictions, 'a.bmp'));
  const scored = () => evaluateMasks({ truth, predictions, out: join(folder, 'out') });
  await expect(scored()).rejects.toMatchObject({
    code: 'FILE_MISSING',
    message: expect.stringContaining('contains no masks (.png, .tif), only a.bmp'),
    remedy: expect.stringContaining('8-bit grey PNG'),
  });
  await encodeLabels(join(predictions, 'b.png'), mask);
  await expect(scored()).rejects.toMatchObject({
    code: 'ROI_WITHOUT_PAIR',
    message: expect.stringContaining('it has a.bmp'),
  });
});

it('refuses one mask for two annotated masks whose endings differ only in capitals', async () => {
  const folder = await temporaryFolder();
  const [truth, predictions] = [join(folder, 'truth'), join(folder, 'masks')];
  const mask = { width: 2, height: 1, data: Uint8Array.of(1, 2) };
  for (const each of [truth, predictions]) await mkdir(each);
  await encodeLabels(join(truth, 'a.png'), mask);
  await rename(join(truth, 'a.png'), join(truth, 'a.PNG'));
  for (const each of [truth, predictions]) await encodeLabels(join(each, 'a.png'), mask);
  await expect(evaluateMasks({ truth, predictions, out: join(folder, 'out') })).rejects.toMatchObject({
    code: 'ROI_WITHOUT_PAIR',
    message: `${predictions} has one mask, a.png, for two annotated masks in ${truth}: a.PNG and a.png.`,
    remedy: expect.stringContaining('Remove one'),
  });
});

it('scores points and masks whose names look the same', async () => {
  const folder = await temporaryFolder();
  const { annotations } = agreementOracle('edge', 'nuclei');
  const images = annotations.images.slice(0, 1).map((image) => ({ ...image, stem: COMPOSED }));
  const data = Float32Array.of(1, 2, 0);
  await writeNpy(join(folder, `${DECOMPOSED}.npy`), { dtype: 'float32', shape: [1, 3], data });
  const { found, files, remarks } = await readPointsToScore(folder, { ...annotations, images });
  expect({ found: [...found.keys()], files, remarks }).toEqual({
    found: [COMPOSED],
    files: [`${DECOMPOSED}.npy`],
    remarks: [],
  });

  const [truth, predictions] = [join(folder, 'truth'), join(folder, 'masks')];
  const mask = { width: 2, height: 1, data: Uint8Array.of(1, 2) };
  for (const each of [truth, predictions]) await mkdir(each);
  await encodeLabels(join(truth, `${COMPOSED}.png`), mask);
  await encodeLabels(join(predictions, `${DECOMPOSED}.png`), mask);
  const { metrics } = await evaluateMasks({ truth, predictions, out: join(folder, 'out') });
  expect(metrics).toMatchObject({ images: 1, meanDice: 1 });
});

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
    remedy: expect.stringMatching(/^Save the mask as an 8-bit grey PNG whose pixel values are the labels;/),
  });
});
