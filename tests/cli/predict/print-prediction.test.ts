import { access } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { printPrediction } from '../../../cli/predict/print-prediction.ts';
import { PredictionFolder } from '../../../toolkit/predict/prediction-folder.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

const SIZE = { width: 96, height: 64 };
const STAYS = new AbortController().signal;

let said = '';

beforeEach(() => {
  said = '';
  vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    said += String(text);
    return true;
  });
});
afterEach(() => vi.restoreAllMocks());

/** A folder into which one image was predicted. */
async function predicted() {
  const out = await temporaryFolder();
  const image = { path: join(out, 'one.png'), name: 'one' };
  await sharp({ create: { ...SIZE, channels: 3, background: '#c080a0' } })
    .png()
    .toFile(image.path);
  const folder = new PredictionFolder(out);
  await folder.claim({ task: 'he', model: { path: '/models/he', digest: 'a'.repeat(64) }, settings: {} });
  await folder.finish(image, {
    ...{ image: image.path, name: image.name, ...SIZE, cached: false, provider: 'cpu', seconds: 1, notes: [] },
    files: {},
  });
  return { out, folder, images: [image], summary: await folder.writeSummary([image]) };
}

it('writes the page only if no other command uses the folder, and succeeds without it', async () => {
  const { out, folder, images, summary } = await predicted();
  const page = join(out, 'report', 'index.html');
  const lock = await folder.lock();
  expect(await printPrediction(summary, images, out, {}, STAYS)).toBe(0);
  expect(said).toContain('index.html was not written.');
  await expect(access(page)).rejects.toThrow('ENOENT');
  await lock.release();
  expect(await printPrediction(summary, images, out, {}, STAYS)).toBe(0);
  await access(page);
  await (await folder.lock()).release();
});

it('escapes names of classes that would drive the terminal', async () => {
  const { out, images, summary } = await predicted();
  const counts = [{ value: 0, name: 'a\nb\u001b[2J', count: 1 }];
  const named = { ...summary, images: summary.images.map((image) => ({ ...image, counts })) };
  expect(await printPrediction(named, images, out, {}, STAYS)).toBe(0);
  const printed = vi
    .mocked(process.stdout.write)
    .mock.calls.map(([text]) => String(text))
    .join('');
  expect(printed).toContain('a\\u{a}b\\u{1b}[2J');
});

it('stops drawing the page if interrupted', async () => {
  const { out, images, summary } = await predicted();
  const reason = new Error('stop');
  await expect(printPrediction(summary, images, out, {}, AbortSignal.abort(reason))).rejects.toBe(reason);
});
