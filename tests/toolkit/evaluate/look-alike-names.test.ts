import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { evaluateMasks } from '../../../toolkit/evaluate/evaluate-masks.ts';
import { readPointsToScore } from '../../../toolkit/evaluate/read-points.ts';
import { namesLike } from '../../../toolkit/files/same-name.ts';
import { encodeLabels } from '../../../toolkit/image/encode-png.ts';
import { writeNpy } from '../../../toolkit/numpy.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';
import { agreementOracle } from '../metrics/agreement-oracle.ts';

const [COMPOSED, DECOMPOSED] = ['\u00dcbung', 'U\u0308bung'];

it('finds a name in the other encoding of its letters, but prefers the same one', () => {
  expect(namesLike([DECOMPOSED])(COMPOSED)).toBe(DECOMPOSED);
  expect(namesLike([COMPOSED])(DECOMPOSED)).toBe(COMPOSED);
  expect(namesLike([COMPOSED, DECOMPOSED])(COMPOSED)).toBe(COMPOSED);
  expect(namesLike([COMPOSED])('Ubung')).toBeUndefined();
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
