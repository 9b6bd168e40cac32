import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ReigniteError } from '../../../toolkit/errors.ts';
import { sha256OfChannels } from '../../../toolkit/image/channel-files.ts';
import { settingsInEffect } from '../../../toolkit/predict/detection-plan.ts';
import type { PredictionOrder } from '../../../toolkit/predict/prediction.ts';
import { claimOf, failureOf, PredictionFolder } from '../../../toolkit/predict/prediction-folder.ts';
import { writePredictionPage } from '../../../toolkit/predict/prediction-page.ts';
import { readPredictionSummary, withRelativePaths } from '../../../toolkit/predict/prediction-summary.ts';
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

it('names --mirroring if predictions differ in it', async () => {
  const choices = { resample: false, simplify: 0, minArea: 0 };
  const order = { task: 'he', model: '/m', out: '/out', session: { provider: 'cpu' }, choices } as const;
  const claimBy = (digest: string, mirrorAxes: number[]) =>
    claimOf(order, { digest: digest.repeat(64), folds: [0], family: 'nnU-Net v2', mirrorAxes });
  const folder = new PredictionFolder(await temporaryFolder());
  await folder.claim(await claimBy('a', []));
  await folder.begin({ path: '/images/one.png', name: 'one' });
  await expect(folder.claim(await claimBy('b', [0, 1]))).rejects.toThrow(
    'the model /m (aaaaaaaaaaaa, folds 0, without --mirroring) in the folder, /m (bbbbbbbbbbbb, folds 0, with --mirroring) now.',
  );
  await expect(folder.claim(await claimBy('b', []))).rejects.toThrow(
    'the model /m (aaaaaaaaaaaa, folds 0) in the folder, /m (bbbbbbbbbbbb, folds 0) now.',
  );
});

it('compares the settings in effect, also with folders that store only what was given', async () => {
  const order = { task: 'nuclei', model: '/best.pt', out: '/out', session: { provider: 'cpu' } } as const;
  const task = { settings: { tile: 512, confidence: 0.5, iou: 0.4 }, classes: ['nucleus'] };
  const claimBy = (given: Partial<PredictionOrder['choices']>, hasTwoHeads: boolean) => {
    const choices = { resample: false, simplify: 0, minArea: 0, ...given };
    const family = hasTwoHeads ? 'ultralytics' : 'yolov5';
    const detector = { family, classes: ['nucleus'], stride: 32, ...(hasTwoHeads && { hasTwoHeads }) } as const;
    const isSuppressed = hasTwoHeads && given.iou === undefined;
    const inEffect = settingsInEffect({ detector, choices, task, isSuppressed });
    return claimOf({ ...order, choices }, { ...MODEL, inEffect: { ...inEffect, earlierDigest: 'b'.repeat(64) } });
  };
  const folder = new PredictionFolder(await temporaryFolder());
  await folder.claim(await claimBy({}, false));
  await folder.begin({ path: '/images/one.png', name: 'one' });
  const { settings } = await folder.writeSummary([]);
  expect(settings).toEqual({ resample: false, simplify: 0, minArea: 0, confidence: 0.5, iou: 0.4, overlap: 0 });
  await folder.claim(await claimBy({ confidence: 0.5, overlap: 0, iou: 0.4 }, false));
  await expect(folder.claim(await claimBy({ iou: 0.3 }, false))).rejects.toThrow(
    'settings: --iou 0.4 in the folder, 0.3 now.',
  );

  const earlier = new PredictionFolder(await temporaryFolder());
  const choices = { resample: false, simplify: 0, minArea: 0 };
  await earlier.claim({ task: 'nuclei', model: { path: '/best.pt', digest: 'b'.repeat(64) }, settings: choices });
  await earlier.begin({ path: '/images/one.png', name: 'one' });
  await earlier.claim(await claimBy({ confidence: 0.5 }, false));
  await expect(earlier.claim(await claimBy({ confidence: 0.6 }, false))).rejects.toThrow(
    '--confidence 0.5 in the folder',
  );

  const heads = new PredictionFolder(await temporaryFolder());
  await heads.claim(await claimBy({}, true));
  await heads.begin({ path: '/images/one.png', name: 'one' });
  await expect(heads.claim(await claimBy({ iou: 0.7 }, true))).rejects.toThrow(
    'settings: --iou not given in the folder, 0.7 now.',
  );
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

it('takes images whose channels are files for the same only if all channels are', async () => {
  const root = await temporaryFolder();
  const folder = new PredictionFolder(join(root, 'out'));
  const setIn = async (place: string, second: string) => {
    await mkdir(join(root, place));
    const channels = ['case_0000.png', 'case_0001.png'].map((name) => join(root, place, name));
    for (const [index, path] of channels.entries()) await writeFile(path, index === 0 ? 'first' : second);
    return { name: 'case', path: join(root, place, 'case_0000.png'), channels };
  };
  const [set, copy, other] = [await setIn('a', 'x'), await setIn('b', 'x'), await setIn('c', 'y')];
  await folder.claim(await claimBy({}));
  await folder.finish(set, {
    ...{ image: set.path, name: set.name, sha256: await sha256OfChannels(set.channels), width: 1, height: 1 },
    ...{ cached: false, provider: 'cpu', seconds: 1, notes: [], files: {} },
  });
  await folder.refuseUnwritable('he', [copy]);
  for (const image of [other, { name: 'case', path: copy.path }]) {
    await expect(folder.refuseUnwritable('he', [image])).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining('already contains case'),
    });
  }
});

it.each([
  [
    '/data',
    '/mnt/data/a.png',
    'The image /mnt/data/a.png cannot be read.',
    'The image ../mnt/data/a.png cannot be read.',
  ],
  ['/d/x', '/d/x/a.png', 'No permission to write /d/x/masks/a.png.', 'No permission to write masks/a.png.'],
])('does not take a part of a path for the folder %s or the image %s', (out, image, cause, stored) => {
  const failures = [{ image, code: 'IMAGE_UNREADABLE', cause, remedy: '' } as const];
  const summary = { task: 'he', model: { path: '/m', digest: 'd' }, settings: {}, images: [], failures } as const;
  expect(withRelativePaths(out, summary).failures[0]?.cause).toBe(stored);
});
