import { readFile } from 'node:fs/promises';
import { afterAll, expect, it } from 'vitest';
import { createRoiSegmenter } from '../../../toolkit/nnunet/sliding-window/roi-segmenter.ts';
import { noise } from '../../support/random-numbers.ts';
import { jobIn, useScratch, writeRgb } from './support/scratch.ts';
import { writeTinyModel } from './support/tiny-model.ts';

const FOLDS = 3;
const CLASSES = 5;
const TILE = 32;
const FLOAT_BYTES = 4;

const scratch = useScratch();
const segmenter = createRoiSegmenter({ provider: 'cpu', threads: 1 });
afterAll(() => segmenter.close());

it('opens no network after the first image if all fit into memory, and counts the transferred bytes', async () => {
  const image = await writeRgb(scratch.path('image.png'), 70, 100, noise(70 * 100 * 3, 5));
  const modelDir = await writeTinyModel(scratch.path('model'), [TILE, TILE]);
  const segment = async (name: string, keptBytes: number) => {
    const job = { ...jobIn(scratch, name, image), modelDir, keptBytes };
    const { counts, tiles } = await segmenter.segment(job);
    return { counts, tiles, mask: await readFile(job.mask), confidence: await readFile(job.confidence) };
  };
  const first = await segment('first', Number.POSITIVE_INFINITY);
  const second = await segment('second', Number.POSITIVE_INFINITY);
  const bytes = first.tiles * FOLDS * TILE * TILE * CLASSES * FLOAT_BYTES;
  expect(first.counts).toEqual({ opened: FOLDS, outputBytes: bytes });
  expect(second.counts).toEqual({ opened: FOLDS, outputBytes: 2 * bytes });

  const tight = await segment('tight', 0);
  const tightAgain = await segment('tight again', 0);
  // One network at a time: every group of four tile rows opens each fold, and the next image opens them all again.
  expect(tight.counts?.opened).toBeGreaterThan(FOLDS);
  expect(tightAgain.counts?.opened).toBeGreaterThan((tight.counts?.opened ?? 0) + FOLDS - 1);
  for (const other of [second, tight, tightAgain]) {
    expect(other.mask.equals(first.mask)).toBe(true);
    expect(other.confidence.equals(first.confidence)).toBe(true);
  }
});
