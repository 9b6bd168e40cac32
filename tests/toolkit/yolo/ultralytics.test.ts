import { join } from 'node:path';
import { Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { readNpy } from '../../../toolkit/numpy.ts';
import { openSession } from '../../../toolkit/onnx/session/session.ts';
import { convertDetector, detectorDigest } from '../../../toolkit/yolo/convert/convert-detector.ts';
import { readDetectorNetwork } from '../../../toolkit/yolo/convert/detector-network.ts';
import { openDetector } from '../../../toolkit/yolo/detect/open-detector.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';
import { opened, SIZE, tileInput } from './support/fixtures.ts';
import { dict, moduleOf } from './support/pickle-tree.ts';

const FIXTURES = join(import.meta.dirname, '../../fixtures/ultralytics');
const fixture = (name: string) => join(FIXTURES, name);

async function expectedOf(name: string): Promise<{ readonly shape: readonly number[]; readonly data: Float32Array }> {
  const { shape, data } = await readNpy(fixture(`${name}-head.npy`));
  if (data instanceof Float32Array) return { shape, data };
  throw new TypeError(`${name} is not float32`);
}

async function outputOf(name: string, oneToMany = false) {
  const out = await temporaryFolder();
  const card = await convertDetector({ checkpoint: fixture(`${name}.pt`), out, size: SIZE, oneToMany });
  const { session } = await openSession(join(out, card.file), { provider: 'cpu', threads: 1 });
  const { output0 } = await session.run({ images: new Tensor('float32', await tileInput(), [1, 3, SIZE, SIZE]) });
  await session.release();
  if (output0?.data instanceof Float32Array) return { card, dims: output0.dims, data: output0.data };
  throw new TypeError('No output0');
}

describe('convertDetector of a checkpoint of Ultralytics', () => {
  it.each([
    ['v8', 80],
    ['v9', 320],
    ['v12', 80],
    ['v26', 80],
    ['seg', 80],
  ])('gives the raw output that PyTorch gives: %s', async (name, rows) => {
    const { shape, data } = await expectedOf(name);
    const { card, dims, data: ours } = await outputOf(name);
    expect(dims).toEqual([...shape]);
    expect(card).toMatchObject({ kind: 'yolo', format: 'yolov8', rows, imgsz: 64, release: '8.4.190' });
    const worst = { pixels: 0, score: 0 };
    for (const [index, value] of ours.entries()) {
      const kind = index < 4 * rows ? 'pixels' : 'score';
      worst[kind] = Math.max(worst[kind], Math.abs(value - (data[index] ?? Number.NaN)));
    }
    expect(worst.pixels).toBeLessThan(1e-2);
    expect(worst.score).toBeLessThan(1e-4);
  });

  it('uses the one-to-one head, best boxes first, and the other one on request', async () => {
    const one = await expectedOf('v10');
    const { card, dims, data } = await outputOf('v10');
    expect(card).toMatchObject({ format: 'end2end', rows: 80 });
    expect(dims).toEqual([...one.shape]);
    for (const [index, value] of data.entries()) {
      const limit = index % 6 < 4 ? 1e-2 : 1e-4;
      expect(Math.abs(value - (one.data[index] ?? Number.NaN))).toBeLessThan(limit);
    }
    const many = await expectedOf('v10-many');
    const other = await outputOf('v10', true);
    expect(other.card.digest).not.toBe(card.digest);
    expect(other.dims).toEqual([...many.shape]);
    const worst = Math.max(...other.data.map((value, index) => Math.abs(value - (many.data[index] ?? Number.NaN))));
    expect(worst).toBeLessThan(1e-2);
  });

  it('accepts an input that is not a square', async () => {
    const out = await temporaryFolder();
    const size = { height: 32, width: 64 };
    const card = await convertDetector({ checkpoint: fixture('v8.pt'), out, size });
    expect(card).toMatchObject({ size: 64, shape: [32, 64], rows: 8 * 4 * 2 - 24 });
    expect(card.digest).toBe(await detectorDigest(fixture('v8.pt'), size));
    expect(card.digest).not.toBe(await detectorDigest(fixture('v8.pt'), 64));
  });

  it('lists classes, strides and what it left out', async () => {
    const { card } = await outputOf('seg');
    expect(card).toMatchObject({
      classes: ['round cell', 'long cell'],
      stride: [8, 16],
      hasMasks: true,
      weights: 'ema',
    });
    const left = card.unused.filter((name) => !name.endsWith('num_batches_tracked'));
    expect(left.some((name) => name.startsWith('model.6.proto.'))).toBe(true);
    expect(left.every((name) => /^stride$|^model\.6\.(proto|cv4|stride|anchors|strides)/.test(name))).toBe(true);
  });

  it('returns the boxes of a tile as rows, whatever the layout of the output', async () => {
    const out = await temporaryFolder();
    await convertDetector({ checkpoint: fixture('v10.pt'), out, size: SIZE });
    const detector = await openDetector(out, { provider: 'cpu', threads: 1 });
    const head = new Float32Array(detector.rows * 7);
    await detector.run(await tileInput(), head);
    await detector.release();
    const { data } = await expectedOf('v10');
    const [x1 = 0, , x2 = 0, , score = 0, label = 0] = data;
    expect(detector.isSuppressed).toBe(true);
    expect(head[0]).toBeCloseTo((x1 + x2) / 2, 2);
    expect(head[4]).toBe(1);
    expect(head[5 + label]).toBeCloseTo(score, 4);
    expect(head[5 + (1 - label)]).toBe(0);
  });

  it.each([
    ['ultralytics.nn.tasks.PoseModel', /a model of poses/, /task `detect`/],
    ['ultralytics.nn.tasks.ClassificationModel', /a classifier of whole images/, /task `detect`/],
    ['ultralytics.nn.tasks.RTDETRDetectionModel', /an RT-DETR/, /task `detect`/],
    ['ultralytics.nn.tasks.WorldModel', /WorldModel/, /yolo export model=v8.pt format=onnx/],
  ])('says what a network of another task is, and the way out: %s', async (className, cause, remedy) => {
    const checkpoint = await opened(fixture('v8.pt'));
    const network = moduleOf(className, {});
    const root = dict({ model: network });
    await expect(readDetectorNetwork({ ...checkpoint, path: fixture('v8.pt'), root })).rejects.toMatchObject({
      code: 'CHECKPOINT_UNSUPPORTED',
      message: expect.stringMatching(cause),
      remedy: expect.stringMatching(remedy),
    });
  });

  it('reports that weights without a network cannot be converted', async () => {
    const checkpoint = await opened(fixture('v8.pt'));
    const root = dict({ model: dict({}) });
    await expect(readDetectorNetwork({ ...checkpoint, root })).rejects.toMatchObject({
      code: 'CHECKPOINT_UNSUPPORTED',
      message: expect.stringContaining('a state dict'),
    });
  });
});
