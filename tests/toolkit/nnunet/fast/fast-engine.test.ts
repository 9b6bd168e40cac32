import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeLabels } from '../../../../toolkit/image/decode-labels.ts';
import { encodeLabels } from '../../../../toolkit/image/encode-png.ts';
import { prepareTissueModel } from '../../../../toolkit/models/tissue-model.ts';
import {
  createRoiSegmenter,
  type EnsembleOptions,
  type RoiJob,
} from '../../../../toolkit/nnunet/sliding-window/roi-segmenter.ts';
import { readModel, writeModel } from '../../../../toolkit/onnx/file/model-file.ts';
import { writeOwnSegmentation } from '../../../support/custom-onnx.ts';
import { suiteFolder } from '../../../support/in-temporary-folder.ts';
import { noise } from '../../../support/random-numbers.ts';
import { jobIn, readGrey16, useScratch, writeRgb } from '../support/scratch.ts';
import { writeTinyModel } from '../support/tiny-model.ts';

const TILE = 32;
/** Of 65,535: confidences up to which sums in another order, or half precision, may choose the other label. */
const NEAR_TIE = { float32: 2, float16: 700 };

const scratch = useScratch();
/** The model of all tests but those that spoil it. */
const shared = suiteFolder();
beforeAll(() => writeTinyModel(shared(), [TILE, TILE]));

const WAYS = [
  { sums: 'host', precision: 'float32' },
  { sums: 'device', precision: 'float32' },
  { sums: 'device', precision: 'float16' },
] as const;

const DEVICE = { engine: 'fast', sums: 'device', precision: 'float32' } as const;

const newSegmenter = () => createRoiSegmenter({ provider: 'cpu', threads: 1 });
const segmenters = new Map<string, ReturnType<typeof newSegmenter>>();
afterAll(() => Promise.all([...segmenters.values()].map((each) => each.close())));

/** A segmenter for each way, because each keeps the networks of its last job open. */
function segmenterFor({ engine = 'exact', sums, precision }: Pick<EnsembleOptions, 'engine' | 'sums' | 'precision'>) {
  const key = [engine, sums, precision].join();
  const segmenter = segmenters.get(key) ?? newSegmenter();
  segmenters.set(key, segmenter);
  return segmenter;
}

async function tinyJob(name: string, [width, height]: readonly [number, number], more: Partial<RoiJob>) {
  const image = await writeRgb(scratch.path(`${width}x${height}.png`), width, height, noise(width * height * 3, 5));
  return { ...jobIn(scratch, name, image), modelDir: shared(), ...more };
}

async function segmentTiny(name: string, size: readonly [number, number], more: Partial<RoiJob>) {
  const job = await tinyJob(name, size, more);
  const result = await segmenterFor(job).segment(job);
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

describe('the fast engine', () => {
  it.each([
    [100, 120],
    [20, 70],
    [33, 49],
    [32, 32],
    [81, 65],
  ] as const)('gives the labels of the exact engine but for near ties (%i x %i px)', async (width, height) => {
    const exact = await segmentTiny('exact', [width, height], {});
    expect(exact.result.engine).toBeUndefined();
    for (const { sums, precision } of WAYS) {
      const way = `${sums} ${precision}`;
      const fast = await segmentTiny(way, [width, height], { engine: 'fast', sums, precision });
      expect(fast.result).toMatchObject({ engine: 'fast', precision, provider: 'cpu', tiles: exact.result.tiles });
      const most = NEAR_TIE[precision];
      for (const [at, label] of exact.mask.entries()) {
        if (fast.mask[at] !== label) expect(exact.confidence[at], way).toBeLessThanOrEqual(most);
      }
      expect(meanDice(exact.mask, fast.mask), way).toBeGreaterThan(precision === 'float32' ? 0.9999 : 0.99);
      const farthest = Math.max(...exact.confidence.map((value, at) => Math.abs(value - (fast.confidence[at] ?? 0))));
      expect(farthest, way).toBeLessThanOrEqual(most);
    }
  });
});

describe.each(WAYS)('the fast engine, sums on the $sums, $precision', ({ sums, precision }) => {
  it('predicts only annotated pixels, with the same labels', async () => {
    const how = { engine: 'fast', sums, precision } as const;
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
    const isSame = (at: number) =>
      truth[at] === 0
        ? part.mask[at] === 255
        : part.mask[at] === full.mask[at] && part.confidence[at] === full.confidence[at];
    expect([...truth.keys()].filter((at) => !isSame(at))).toEqual([]);
  });
});

describe('rows without an annotated pixel', () => {
  it.each([
    ['above the annotation', 90, 120],
    ['below the annotation', 0, 20],
    ['everywhere', 0, 0],
  ] as const)('are not predicted: %s', async (_where, from, to) => {
    const [width, height] = [70, 120];
    const truth = new Uint8Array(width * height).fill(3, from * width, to * width);
    await encodeLabels(scratch.path('truth.png'), { width, height, data: truth });
    const scope = { scope: 'annotated', truth: scratch.path('truth.png') } as const;
    const exact = await segmentTiny('exact', [width, height], scope);
    for (const how of WAYS) {
      const way = `${how.sums} ${how.precision}`;
      const fast = await segmentTiny(way, [width, height], { ...scope, engine: 'fast', ...how });
      expect(fast.result.tiles, way).toBe(exact.result.tiles);
      const most = NEAR_TIE[how.precision];
      for (const [at, label] of exact.mask.entries()) {
        if (fast.mask[at] !== label) expect(exact.confidence[at], way).toBeLessThanOrEqual(most);
      }
      // One assertion for all pixels: each takes time.
      const outside = [...truth.keys()].filter((at) => truth[at] === 0);
      const isLeftOut = (at: number) => exact.mask[at] === 255 && fast.mask[at] === 255 && fast.confidence[at] === 0;
      expect(
        outside.filter((at) => !isLeftOut(at)),
        way,
      ).toEqual([]);
    }
  });
});

describe('the graph of the fast engine', () => {
  it('opens one session for all images', async () => {
    const first = await segmentTiny('first', [100, 120], DEVICE);
    const second = await segmentTiny('second', [90, 110], DEVICE);
    expect(first.result.counts?.opened).toBe(1);
    expect(second.result.counts?.opened).toBe(1);
  });

  it('gives the same bytes for every batch size', async () => {
    const one = await segmentTiny('one', [100, 120], { ...DEVICE, batchSize: 1 });
    const four = await segmentTiny('four', [100, 120], { ...DEVICE, batchSize: 4 });
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
  const modelDir = await writeTinyModel(scratch.path('model'), [TILE, TILE]);
  const job = await tinyJob('broken', [40, 40], { modelDir, engine: 'fast', ...how });
  const file = join(job.modelDir, 'fold_1.onnx');
  const graph = readModel(file);
  const read = async () => new Float32Array(5 * 27).fill(Number.NaN);
  // The old file is read until the new one is in its place.
  await writeModel(file, { ...graph, tensors: graph.tensors.map((tensor) => ({ ...tensor, read })) });
  await expect(segmenterFor(job).segment(job)).rejects.toMatchObject({
    code: 'INFERENCE_FAILED',
    message: expect.stringContaining('NaN in row 0'),
  });
});

it('rejects ONNX models from other sources, and slides', async () => {
  const labels = ['a', 'b', 'c'];
  const sidecar = { kind: 'segmentation', output: { values: 'probabilities', layout: 'NHWC' }, labels };
  await writeOwnSegmentation(scratch.path('own.onnx'), sidecar, 'probabilities, NHWC out');
  const { modelDir } = await prepareTissueModel(scratch.path('own.onnx'), scratch.path('models'));
  const job = await tinyJob('own', [40, 40], { engine: 'fast' });
  const segmenter = segmenterFor(DEVICE);
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
