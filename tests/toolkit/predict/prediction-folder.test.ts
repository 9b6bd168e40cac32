import { expect, it } from 'vitest';
import { ReigniteError } from '../../../toolkit/errors.ts';
import { claimOf, failureOf, PredictionFolder } from '../../../toolkit/predict/prediction-folder.ts';
import type { PredictionOrder } from '../../../toolkit/predict/prediction-order.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

const MODEL = { digest: 'a'.repeat(64) };

async function claimBy(session: Partial<PredictionOrder['session']>) {
  const choices = { resample: false, simplify: 0, minArea: 0 };
  return claimOf(
    { task: 'he', model: '/models/he', out: '/out', session: { provider: 'cpu', ...session }, choices },
    MODEL,
  );
}

it('keeps predictions of the two engines in two folders', async () => {
  const [exact, named, fast] = [
    await claimBy({}),
    await claimBy({ engine: 'exact' }),
    await claimBy({ engine: 'fast' }),
  ];
  const folder = new PredictionFolder(await temporaryFolder());
  await folder.claim(exact);
  await folder.begin({ path: '/images/one.png', name: 'one' });
  await folder.claim(named);
  await expect(folder.claim(fast)).rejects.toMatchObject({
    code: 'PREDICTION_CONFLICT',
    message: expect.stringContaining('--engine not given in the folder, fast now'),
  });
});

it('keeps predictions of the two precisions of the fast engine in two folders', async () => {
  const folder = new PredictionFolder(await temporaryFolder());
  await folder.claim(await claimBy({ engine: 'fast', precision: 'float16' }));
  await folder.begin({ path: '/images/one.png', name: 'one' });
  const other = claimBy({ engine: 'fast', precision: 'float32' }).then((claim) => folder.claim(claim));
  await expect(other).rejects.toMatchObject({ code: 'PREDICTION_CONFLICT' });
});

it('keeps the failure of each part of an image until that part is computed', async () => {
  const folder = new PredictionFolder(await temporaryFolder());
  const image = { path: '/images/case.svs', name: 'case' };
  await folder.claim(await claimBy({}));
  await folder.begin(image);
  const [first, second] = ['Tile 1 is damaged.', 'Tile 9 is damaged.'].map((cause) =>
    failureOf(image, new ReigniteError('IMAGE_UNREADABLE', cause)),
  );
  if (first === undefined || second === undefined) throw new Error('Expected two failures');
  const causes = async () => (await folder.writeSummary([image])).failures.map(({ cause }) => cause);
  await folder.failPart(image, first, 'rows 1 to 12');
  await folder.failPart(image, second, 'rows 13 to 24');
  await folder.recover(image, 'rows 13 to 24');
  expect(await causes()).toEqual(['Tile 1 is damaged.']);
  await folder.recover(image, 'rows 1 to 12');
  expect(await causes()).toEqual(['/images/case.svs was started but not finished.']);
});
