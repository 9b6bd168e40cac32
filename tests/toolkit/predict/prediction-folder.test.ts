import { expect, it } from 'vitest';
import { claimOf, PredictionFolder } from '../../../toolkit/predict/prediction-folder.ts';
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
