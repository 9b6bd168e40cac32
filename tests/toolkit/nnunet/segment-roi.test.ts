import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { decodeLabels } from '../../../toolkit/image/decode-labels.ts';
import { encodeLabels } from '../../../toolkit/image/encode-png.ts';
import type { FoldNetworks } from '../../../toolkit/nnunet/networks/ort-fold-networks.ts';
import { PartialRoi } from '../../../toolkit/nnunet/sliding-window/partial-roi.ts';
import type { RoiProgress } from '../../../toolkit/nnunet/sliding-window/roi-segmenter.ts';
import { segmentRoi } from '../../../toolkit/nnunet/sliding-window/segment-roi.ts';
import { noise } from '../../support/random-numbers.ts';
import { fakeNetworks } from './support/fake-networks.ts';
import { jobIn, readGrey16, useScratch, writeRgb } from './support/scratch.ts';
import { segmentWholeImage } from './support/whole-image.ts';

const scratch = useScratch();
const IDENTITY = { model: 'fake' };

async function image(width: number, height: number): Promise<{ path: string; rgb: Uint8Array }> {
  const rgb = noise(width * height * 3, width * 31 + height);
  return { path: await writeRgb(scratch.path(`image-${width}x${height}.png`), width, height, rgb), rgb };
}

/** A signal that aborts when it was asked `asked` times. */
function abortAfter(asked: number): Pick<AbortSignal, 'throwIfAborted'> {
  let left = asked;
  return {
    throwIfAborted() {
      if (left-- <= 0) throw new Error('killed');
    },
  };
}

describe('segmentRoi', () => {
  it.each([
    [16, 16, 'exactly one tile: no Gaussian'],
    [7, 9, 'smaller than a tile on both axes, odd borders'],
    [16, 17, 'one pixel more than a tile'],
    [11, 40, 'narrow: a border on one axis, tiles on the other'],
    [53, 35, 'tiles on both axes, steps that round'],
  ])('gives the bits of the whole-image way for %i x %i px (%s)', async (width, height) => {
    const networks = fakeNetworks({ height: 16, width: 16 }, 4, 3);
    const { path, rgb } = await image(width, height);
    const job = jobIn(scratch, 'a', path);
    const result = await segmentRoi(job, networks, IDENTITY);
    const expected = await segmentWholeImage(rgb, width, height, networks);
    expect((await decodeLabels(job.mask)).data).toEqual(Buffer.from(expected.labels));
    expect(await readGrey16(job.confidence)).toEqual(expected.confidences);
    expect(result).toMatchObject({ width, height, notes: [] });
    expect(existsSync(job.partialDir)).toBe(false);
  });

  it('accepts tiles that are not square', async () => {
    const networks = fakeNetworks({ height: 12, width: 20 }, 3, 2);
    const { path, rgb } = await image(47, 31);
    const job = jobIn(scratch, 'a', path);
    await segmentRoi(job, networks, IDENTITY);
    const expected = await segmentWholeImage(rgb, 47, 31, networks);
    expect((await decodeLabels(job.mask)).data).toEqual(Buffer.from(expected.labels));
    expect(await readGrey16(job.confidence)).toEqual(expected.confidences);
  });

  it('gives the same bytes wherever and however often it is killed', async () => {
    const networks = fakeNetworks({ height: 16, width: 16 }, 4, 3);
    const { path } = await image(37, 43);
    const whole = jobIn(scratch, 'whole', path);
    await segmentRoi(whole, networks, IDENTITY);
    const expected = [await readFile(whole.mask), await readFile(whole.confidence)];
    const passes = networks.runs();

    // 4 x 5 tiles, 3 folds: killed before every single tile once, each attempt resuming from the one before.
    for (let patience = 2; patience < 12; patience++) {
      const job = jobIn(scratch, `killed-${patience}`, path);
      let attempts = 0;
      for (let isDone = false; !isDone; attempts++) {
        isDone = await segmentRoi(job, networks, IDENTITY, { signal: abortAfter(patience + attempts) }).then(
          () => true,
          (error: unknown) => {
            expect(error).toEqual(new Error('killed'));
            expect(existsSync(job.mask)).toBe(false);
            return false;
          },
        );
      }
      expect(attempts).toBeGreaterThan(1);
      expect([await readFile(job.mask), await readFile(job.confidence)]).toEqual(expected);
      expect(existsSync(job.partialDir)).toBe(false);
    }
    expect(networks.runs()).toBeGreaterThan(passes);
  });

  it('does not repeat a committed step', async () => {
    const networks = fakeNetworks({ height: 16, width: 16 }, 4, 3);
    const { path } = await image(37, 43);
    const job = jobIn(scratch, 'a', path);
    // Asked once at the start and before every tile: killed in the second tile of the fourth step.
    const kill = abortAfter(1 + 12 + 1);
    await expect(segmentRoi(job, networks, IDENTITY, { signal: kill })).rejects.toThrow('killed');
    const first = networks.runs();
    const result = await segmentRoi(job, networks, IDENTITY);
    expect(result.resumedFrom).toEqual({ row: 3, fold: 0 });
    const passes = 4 * 5 * 3;
    expect(networks.runs() - first).toBe(passes - 4 * 3);
  });

  it.each([
    ['of another identity', async () => {}, { model: 'another' }],
    ['with a state that is cut off', (folder: string) => writeFile(`${folder}/state.json`, '{"next":'), IDENTITY],
    [
      'with a file that is too short',
      (folder: string) => spoil(folder, 'labels', (bytes) => bytes.subarray(1)),
      IDENTITY,
    ],
    [
      'with a file of other bytes',
      (folder: string) => spoil(folder, 'carry', (bytes) => bytes.map((byte, at) => (at === 100 ? byte ^ 1 : byte))),
      IDENTITY,
    ],
  ])('starts over on a partial result %s', async (_, damage, identity) => {
    const networks = fakeNetworks({ height: 16, width: 16 }, 4, 3);
    const { path } = await image(37, 43);
    const whole = jobIn(scratch, 'whole', path);
    await segmentRoi(whole, networks, IDENTITY);
    const job = jobIn(scratch, 'a', path);
    await expect(segmentRoi(job, networks, IDENTITY, { signal: abortAfter(52) })).rejects.toThrow('killed');
    await damage(job.partialDir);
    const result = await segmentRoi(job, networks, identity);
    expect(result.resumedFrom).toBeUndefined();
    expect(await readFile(job.mask)).toEqual(await readFile(whole.mask));
    expect(await readFile(job.confidence)).toEqual(await readFile(whole.confidence));
  });

  it('lets the later of two processes finish and the earlier fail, with the same result', async () => {
    const networks = fakeNetworks({ height: 16, width: 16 }, 4, 3);
    const { path } = await image(37, 43);
    const whole = jobIn(scratch, 'whole', path);
    await segmentRoi(whole, networks, IDENTITY);
    const passes = networks.runs();
    const job = jobIn(scratch, 'a', path);
    let later: Promise<unknown> | undefined;
    const stalled: FoldNetworks = {
      ...networks,
      async run(...tile) {
        // Several passes are under way at once: only the first of them may begin the second process.
        if (networks.runs() === passes + 30 && later === undefined) {
          await new Promise<void>((resolve) => {
            later = segmentRoi(job, networks, IDENTITY, { onProgress: () => resolve() });
          });
        }
        await networks.run(...tile);
      },
    };
    const earlier = segmentRoi(job, stalled, IDENTITY);
    await expect(earlier).rejects.toMatchObject({ code: 'INFERENCE_FAILED' });
    await expect(earlier).rejects.toThrow('Another process took over');
    await later;
    expect(await readFile(job.mask)).toEqual(await readFile(whole.mask));
    expect(await readFile(job.confidence)).toEqual(await readFile(whole.confidence));
  });

  it('keeps the partial result for a process that opened it while the earlier one writes its mask', async () => {
    const networks = fakeNetworks({ height: 16, width: 16 }, 4, 3);
    const { path } = await image(37, 43);
    const whole = jobIn(scratch, 'whole', path);
    await segmentRoi(whole, networks, IDENTITY);
    const job = jobIn(scratch, 'a', path);
    const onProgress = ({ phase }: RoiProgress) => {
      if (phase === 'encode') PartialRoi.open(job.partialDir, IDENTITY);
    };
    const earlier = segmentRoi(job, networks, IDENTITY, { onProgress });
    await expect(earlier).rejects.toMatchObject({ code: 'INFERENCE_FAILED' });
    const passes = networks.runs();
    await segmentRoi(job, networks, IDENTITY);
    expect(networks.runs()).toBe(passes);
    expect(await readFile(job.mask)).toEqual(await readFile(whole.mask));
    expect(await readFile(job.confidence)).toEqual(await readFile(whole.confidence));
    expect(existsSync(job.partialDir)).toBe(false);
  });

  it('reports that another process took over if that one has already finished', async () => {
    const networks = fakeNetworks({ height: 16, width: 16 }, 4, 3);
    const { path } = await image(37, 43);
    const job = jobIn(scratch, 'a', path);
    const overtaken: FoldNetworks = {
      ...networks,
      async releaseLargeNetworks() {
        await segmentRoi(job, networks, IDENTITY);
      },
    };
    await expect(segmentRoi(job, overtaken, IDENTITY)).rejects.toThrow('Another process took over');
    expect(existsSync(job.mask)).toBe(true);
  });

  it('keeps unknown files in the partial folder', async () => {
    const networks = fakeNetworks({ height: 16, width: 16 }, 4, 3);
    const { path } = await image(20, 20);
    const job = { ...jobIn(scratch, 'a', path), partialDir: scratch.path('.') };
    await writeFile(scratch.path('notes.txt'), 'mine');
    await segmentRoi(job, networks, IDENTITY);
    expect(await readFile(scratch.path('notes.txt'), 'utf8')).toBe('mine');
    expect(existsSync(scratch.path('state.json'))).toBe(false);
    expect(existsSync(job.mask)).toBe(true);
  });

  it('predicts only annotated pixels, with the same bits', async () => {
    const networks = fakeNetworks({ height: 16, width: 16 }, 4, 3);
    const { path } = await image(90, 70);
    const truth = new Uint8Array(90 * 70);
    for (let y = 5; y < 9; y++) truth.fill(3, y * 90 + 60, y * 90 + 64);
    truth[50 * 90 + 2] = 16;
    truth[69 * 90 + 89] = 255;
    await encodeLabels(scratch.path('truth.png'), { width: 90, height: 70, data: truth });
    const full = jobIn(scratch, 'full', path);
    await segmentRoi(full, networks, IDENTITY);
    const job = { ...jobIn(scratch, 'annotated', path), scope: 'annotated' as const, truth: scratch.path('truth.png') };
    const result = await segmentRoi(job, networks, IDENTITY);
    expect(result.tiles).toBeGreaterThan(0);
    expect(result.tiles).toBeLessThan(result.tilesTotal / 3);

    const isAnnotated = (at: number) => (truth[at] ?? 0) >= 1 && (truth[at] ?? 0) <= 16;
    const fullLabels = (await decodeLabels(full.mask)).data;
    const fullMargins = await readGrey16(full.confidence);
    expect((await decodeLabels(job.mask)).data).toEqual(fullLabels.map((label, at) => (isAnnotated(at) ? label : 255)));
    expect(await readGrey16(job.confidence)).toEqual(
      fullMargins.map((confidence, at) => (isAnnotated(at) ? confidence : 0)),
    );
  });

  it('writes an ROI without annotated pixels as unpredicted, without running a network', async () => {
    const networks = fakeNetworks({ height: 16, width: 16 }, 4, 3);
    const { path } = await image(20, 30);
    await encodeLabels(scratch.path('truth.png'), { width: 20, height: 30, data: new Uint8Array(600) });
    const job = { ...jobIn(scratch, 'a', path), scope: 'annotated' as const, truth: scratch.path('truth.png') };
    const result = await segmentRoi(job, networks, IDENTITY);
    expect(result.tiles).toBe(0);
    expect(networks.runs()).toBe(0);
    expect((await decodeLabels(job.mask)).data.every((label) => label === 255)).toBe(true);
  });

  it('rejects a ground-truth mask of another size, naming both', async () => {
    const { path } = await image(20, 30);
    await encodeLabels(scratch.path('truth.png'), { width: 30, height: 20, data: new Uint8Array(600) });
    const job = { ...jobIn(scratch, 'a', path), scope: 'annotated' as const, truth: scratch.path('truth.png') };
    const attempt = segmentRoi(job, fakeNetworks({ height: 16, width: 16 }, 2, 1), IDENTITY);
    await expect(attempt).rejects.toMatchObject({ code: 'SIZE_MISMATCH' });
    await expect(attempt).rejects.toThrow(/image-20x30\.png has 20 x 30 px, its mask .*truth\.png 30 x 20 px/);
    expect(existsSync(job.partialDir)).toBe(false);
  });

  it('rejects networks that give NaN', async () => {
    const { path } = await image(20, 30);
    const broken: FoldNetworks = {
      ...fakeNetworks({ height: 16, width: 16 }, 2, 1),
      run: async (_fold, _input, softmax) => void softmax.fill(Number.NaN),
    };
    await expect(segmentRoi(jobIn(scratch, 'a', path), broken, IDENTITY)).rejects.toMatchObject({
      code: 'INFERENCE_FAILED',
    });
  });

  it('reports every pass once, in order', async () => {
    const { path } = await image(37, 43);
    const seen: RoiProgress[] = [];
    await segmentRoi(jobIn(scratch, 'a', path), fakeNetworks({ height: 16, width: 16 }, 2, 3), IDENTITY, {
      onProgress: (progress) => seen.push(progress),
    });
    const passes = seen.filter(({ phase }) => phase === 'predict');
    expect(passes.map(({ tile }) => tile)).toEqual(Array.from({ length: 60 }, (_, tile) => tile));
    expect(passes[16]).toEqual({ phase: 'predict', tile: 16, of: 60, row: 0, rows: 5, fold: 1 });
    expect(seen.at(-1)).toMatchObject({ phase: 'encode', tile: 60, of: 60 });
  });
});

/** Changes the first file of one kind that a partial result counts on. */
async function spoil(folder: string, kind: string, change: (bytes: Uint8Array) => Uint8Array): Promise<void> {
  const { files } = JSON.parse(await readFile(`${folder}/state.json`, 'utf8'));
  const name = Object.keys(files).find((each) => each.startsWith(kind)) ?? '';
  const path = `${folder}/${files[name].file}`;
  await writeFile(path, change(await readFile(path)));
}
