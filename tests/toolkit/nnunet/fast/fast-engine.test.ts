import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { decodeLabels } from '../../../../toolkit/image/decode-labels.ts';
import { encodeLabels } from '../../../../toolkit/image/encode-png.ts';
import { prepareTissueModel } from '../../../../toolkit/models/tissue-model.ts';
import { createRoiSegmenter } from '../../../../toolkit/nnunet/sliding-window/roi-segmenter.ts';
import { readModel, writeModel } from '../../../../toolkit/onnx/file/model-file.ts';
import { writeOwnSegmentation } from '../../../support/custom-onnx.ts';
import { noise } from '../../../support/random-numbers.ts';
import { jobIn, readGrey16, useScratch, writeRgb } from '../support/scratch.ts';
import { writeTinyModel } from '../support/tiny-model.ts';

const TILE = 32;
/** Of 65,535: confidences up to which sums in another order, or half precision, may choose the other label. */
const NEAR_TIE = { float32: 2, float16: 700 };

const scratch = useScratch();
const segmenter = createRoiSegmenter({ provider: 'cpu', threads: 1 });
afterAll(() => segmenter.close());

const WAYS = [
  { sums: 'host', precision: 'float32' },
  { sums: 'device', precision: 'float32' },
  { sums: 'device', precision: 'float16' },
] as const;

async function tinyJob(name: string, [width, height]: readonly [number, number], more: object) {
  const image = await writeRgb(scratch.path(`${width}x${height}.png`), width, height, noise(width * height * 3, 5));
  const modelDir = await writeTinyModel(scratch.path('model'), [TILE, TILE]);
  return { ...jobIn(scratch, name, image), modelDir, ...more };
}

async function segmentTiny(name: string, size: readonly [number, number], more: object) {
  const job = await tinyJob(name, size, more);
  const result = await segmenter.segment(job);
  return { result, mask: (await decodeLabels(job.mask)).data, confidence: await readGrey16(job.confidence) };
}

/** Mean over the classes that occur. */
function meanDice(one: Uint8Array, other: Uint8Array): number {
  const classes = [...new Set([...one, ...other])];
  const scores = classes.map((value) => {
    let [both, either] = [0, 0];
    for (let at = 0; at < one.length; at++) {
      const [ours, theirs] = [one[at] === value, other[at] === value];
      if (ours && theirs) both++;
      either += Number(ours) + Number(theirs);
    }
    return (2 * both) / either;
  });
  return scores.reduce((sum, score) => sum + score, 0) / classes.length;
}

describe.each(WAYS)('the fast engine, sums on the $sums, $precision', ({ sums, precision }) => {
  it.each([
    [100, 120],
    [20, 70],
    [33, 49],
    [32, 32],
    [81, 65],
  ] as const)('gives the labels of the exact engine but for near ties (%i x %i px)', async (width, height) => {
    const exact = await segmentTiny('exact', [width, height], {});
    const fast = await segmentTiny('fast', [width, height], { engine: 'fast', sums, precision });
    expect(exact.result.engine).toBeUndefined();
    expect(fast.result).toMatchObject({ engine: 'fast', precision, provider: 'cpu', tiles: exact.result.tiles });
    const most = NEAR_TIE[precision];
    for (const [at, label] of exact.mask.entries()) {
      if (fast.mask[at] !== label) expect(exact.confidence[at]).toBeLessThanOrEqual(most);
    }
    expect(meanDice(exact.mask, fast.mask)).toBeGreaterThan(precision === 'float32' ? 0.9999 : 0.99);
    const farthest = Math.max(...exact.confidence.map((value, at) => Math.abs(value - (fast.confidence[at] ?? 0))));
    expect(farthest).toBeLessThanOrEqual(most);
  });

  it('predicts only annotated pixels, with the same labels', async () => {
    const how = { engine: 'fast', sums, precision };
    const [width, height] = [90, 100];
    const truth = new Uint8Array(width * height);
    for (let y = 40; y < 80; y++) truth.fill(3, y * width + 50, y * width + 70);
    await encodeLabels(scratch.path('truth.png'), { width, height, data: truth });
    const full = await segmentTiny('full', [width, height], how);
    const part = await segmentTiny('part', [width, height], {
      ...how,
      scope: 'annotated',
      truth: scratch.path('truth.png'),
    });
    expect(part.result.tiles).toBeLessThan(full.result.tiles);
    for (const [at, value] of truth.entries()) {
      expect(part.mask[at]).toBe(value === 0 ? 255 : full.mask[at]);
      if (value !== 0) expect(part.confidence[at]).toBe(full.confidence[at]);
    }
  });
});

describe.each(WAYS)('rows without an annotated pixel, sums on the $sums, $precision', (how) => {
  it.each([
    ['above the annotation', 90, 120],
    ['below the annotation', 0, 20],
    ['everywhere', 0, 0],
  ] as const)('are not predicted: %s', async (_where, from, to) => {
    const [width, height] = [70, 120];
    const truth = new Uint8Array(width * height).fill(3, from * width, to * width);
    await encodeLabels(scratch.path('truth.png'), { width, height, data: truth });
    const scope = { scope: 'annotated', truth: scratch.path('truth.png') };
    const exact = await segmentTiny('exact', [width, height], scope);
    const fast = await segmentTiny('fast', [width, height], { ...scope, engine: 'fast', ...how });
    expect(fast.result.tiles).toBe(exact.result.tiles);
    const most = NEAR_TIE[how.precision];
    for (const [at, label] of exact.mask.entries()) {
      if (fast.mask[at] !== label) expect(exact.confidence[at]).toBeLessThanOrEqual(most);
      if (truth[at] === 0) expect([label, fast.mask[at], fast.confidence[at]]).toEqual([255, 255, 0]);
    }
  });
});

describe('the graph of the fast engine', () => {
  it('opens one session for all images', async () => {
    const how = { engine: 'fast', sums: 'device' };
    const [first, second] = [await segmentTiny('first', [100, 120], how), await segmentTiny('second', [90, 110], how)];
    expect(first.result.counts?.opened).toBe(1);
    expect(second.result.counts?.opened).toBe(1);
  });

  it('gives the same bytes for every batch size', async () => {
    const one = await segmentTiny('one', [100, 120], { engine: 'fast', sums: 'device', batchSize: 1 });
    const four = await segmentTiny('four', [100, 120], { engine: 'fast', sums: 'device', batchSize: 4 });
    expect(four.result).toMatchObject({ batchSize: 4, counts: { batch: 4 } });
    expect(four.mask).toEqual(one.mask);
    expect(four.confidence).toEqual(one.confidence);
  });
});

it('rejects half precision if sums are computed on the host', async () => {
  await expect(segmentTiny('half', [40, 40], { engine: 'fast', precision: 'float16' })).rejects.toMatchObject({
    code: 'ENGINE_UNSUPPORTED',
    message: expect.stringContaining('float16 on CUDA only, not on cpu'),
  });
});

it.each(WAYS)('rejects networks that give NaN (sums on the $sums, $precision)', async (how) => {
  const job = { ...(await tinyJob('broken', [40, 40], {})), engine: 'fast', ...how } as const;
  const file = join(job.modelDir, 'fold_1.onnx');
  const graph = readModel(file);
  const read = async () => new Float32Array(5 * 27).fill(Number.NaN);
  // The old file is read until the new one is in its place.
  await writeModel(file, { ...graph, tensors: graph.tensors.map((tensor) => ({ ...tensor, read })) });
  await expect(segmenter.segment(job)).rejects.toMatchObject({
    code: 'INFERENCE_FAILED',
    message: expect.stringContaining('NaN in row 0'),
  });
});

it('rejects ONNX models from other sources, and slides', async () => {
  const labels = ['a', 'b', 'c'];
  const sidecar = { kind: 'segmentation', output: { values: 'probabilities', layout: 'NHWC' }, labels };
  await writeOwnSegmentation(scratch.path('own.onnx'), sidecar, 'probabilities, NHWC out');
  const { modelDir } = await prepareTissueModel(scratch.path('own.onnx'), scratch.path('models'));
  const job = { ...(await tinyJob('own', [40, 40], {})), engine: 'fast' } as const;
  await expect(segmenter.segment({ ...job, modelDir })).rejects.toMatchObject({
    code: 'ENGINE_UNSUPPORTED',
    message: expect.stringContaining('runs nnU-Net models'),
  });
  const slide = {
    modelDir: job.modelDir,
    engine: 'fast',
    slide: scratch.path('slide.tif'),
    slideSha256: '',
    choice: {},
    target: 0.5,
    partialDir: scratch.path('partial'),
    labels: scratch.path('labels'),
    confidence: scratch.path('confidence'),
  } as const;
  await expect(segmenter.segmentSlide(slide)).rejects.toMatchObject({
    code: 'ENGINE_UNSUPPORTED',
    message: expect.stringContaining('does not segment slides'),
  });
});
