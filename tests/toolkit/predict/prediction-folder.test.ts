import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ReigniteError } from '../../../toolkit/errors.ts';
import { claimOf, failureOf, PredictionFolder } from '../../../toolkit/predict/prediction-folder.ts';
import type { PredictionOrder } from '../../../toolkit/predict/prediction-order.ts';
import { writePredictionPage } from '../../../toolkit/predict/prediction-page.ts';
import { readPredictionSummary } from '../../../toolkit/predict/prediction-summary.ts';
import { RESULTS } from '../../../toolkit/results/results-folder.ts';
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

it('has relative paths in the failures of its summary and page, and absolute ones for commands', async () => {
  const root = await temporaryFolder();
  const out = join(root, 'out');
  const folder = new PredictionFolder(out);
  const images = ['near', 'far'].map((name) => ({ path: join(root, 'images', `${name}.gif`), name }));
  await folder.claim(await claimBy({}));
  for (const image of images) {
    const error = new ReigniteError('IMAGE_UNREADABLE', `The image ${image.path} has the format gif.`, {
      remedy: `Save it with \`magick ${image.path} OUT.png\`, not into ${join(out, 'masks')}.`,
    });
    await folder.fail(image, failureOf(image, error));
  }
  const { failures } = await folder.writeSummary(images);
  await writePredictionPage(out, await readPredictionSummary(out), '1');
  const stored = JSON.parse(await readFile(join(out, 'summary.json'), 'utf8'));
  expect(stored.failures[1]).toEqual({
    image: '../images/far.gif',
    code: 'IMAGE_UNREADABLE',
    cause: 'The image ../images/far.gif has the format gif.',
    remedy: 'Save it with `magick ../images/far.gif OUT.png`, not into masks.',
  });
  const page = await readFile(RESULTS.page.in(out), 'utf8');
  expect(page).toContain('The image ../images/near.gif has the format gif.');
  expect(page).not.toContain(root);
  const read = (await readPredictionSummary(out)).failures;
  expect(read.map(({ cause }) => cause)).toEqual(failures.map(({ cause }) => cause));
  expect(read[1]?.remedy).toContain(join(root, 'images', 'far.gif'));
});
