import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it, onTestFinished } from 'vitest';
import { decodeLabels } from '../../../toolkit/image/decode-labels.ts';
import { prepareCellModel } from '../../../toolkit/models/cell-model.ts';
import { prepareTissueModel } from '../../../toolkit/models/tissue-model.ts';
import { createRoiSegmenter } from '../../../toolkit/nnunet/sliding-window/roi-segmenter.ts';
import { placeBoxes, placeScores, TileInput } from '../../../toolkit/onnx/session/tile-tensors.ts';
import { writeOwnSegmentation } from '../../support/custom-onnx.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';
import { noise } from '../../support/random-numbers.ts';

const SAME = { kind: 'segmentation', output: { values: 'probabilities', layout: 'NHWC' }, labels: ['a', 'b', 'c'] };
const BYTES = {
  kind: 'segmentation',
  input: { channels: 'BGR', range: [0, 255] },
  output: { values: 'logits' },
  labels: ['a', { name: 'b', value: 1 }, { name: 'c', value: 2, colour: [1, 2, 3] }],
};

describe('a custom ONNX model', () => {
  it('gives the same mask for every layout of its input and output', async () => {
    const folder = await temporaryFolder();
    const raw = { width: 50, height: 40, channels: 3 } as const;
    const image = join(folder, 'image.png');
    await sharp(noise(50 * 40 * 3, 3), { raw })
      .png()
      .toFile(image);
    await writeOwnSegmentation(join(folder, 'same.onnx'), SAME, 'probabilities, NHWC out');
    await writeOwnSegmentation(join(folder, 'bytes.onnx'), BYTES, 'logits, BGR 0..255');
    const segmenter = createRoiSegmenter({ provider: 'cpu', threads: 1 });
    onTestFinished(() => segmenter.close());
    const masks: Uint8Array[] = [];
    for (const name of ['same', 'bytes']) {
      const model = await prepareTissueModel(join(folder, `${name}.onnx`), join(folder, 'models'));
      expect(model).toMatchObject({ classes: 3, folds: [], cached: false });
      const mask = join(folder, `${name}.png`);
      await segmenter.segment({
        image,
        mask,
        confidence: join(folder, `${name}-margin.png`),
        modelDir: model.modelDir,
        partialDir: join(folder, `partial-${name}`),
        scope: 'full',
      });
      masks.push((await decodeLabels(mask)).data);
    }
    const [same = new Uint8Array(), bytes = new Uint8Array()] = masks;
    expect(new Set(same).size).toBe(3);
    expect(same.filter((label, at) => label !== bytes[at]).length).toBeLessThan(3);
  });

  it('writes the labels that the model JSON assigns to its channels', async () => {
    const folder = await temporaryFolder();
    const labels = [{ name: 'tumour', value: 2 }, { name: 'stroma', value: 4 }, 'rest'];
    // The third has its place for a value.
    await writeOwnSegmentation(
      join(folder, 'own.onnx'),
      { ...SAME, labels: [...labels.slice(0, 2), { name: 'rest', value: 0 }] },
      'probabilities, NHWC out',
    );
    const model = await prepareTissueModel(join(folder, 'own.onnx'), join(folder, 'models'));
    expect(model.classes).toBe(5);
    expect(model.labels?.map(({ name, value }) => [name, value])).toEqual([
      ['tumour', 2],
      ['stroma', 4],
      ['rest', 0],
    ]);
    expect(await prepareTissueModel(join(folder, 'own.onnx'), join(folder, 'models'))).toMatchObject({ cached: true });
  });

  it.each([
    [{ ...SAME, labels: ['a', 'b'] }, '2 labels as NHWC need [1,32,32,2]'],
    [{ ...SAME, output: { values: 'probabilities' } }, '3 labels as NCHW need [1,3,32,32]'],
    [{ ...SAME, input: { size: [64, 64] } }, 'input.size says 64,64'],
    [{ ...SAME, input: { layout: 'NHWC' } }, 'does not have 3 channels in the layout NHWC'],
    [
      { ...SAME, input: { range: [1, 0] }, output: { values: 'scores' } },
      'input.range: the first must be below the second; output.values',
    ],
    [{ ...SAME, extra: true }, 'extra'],
    [{ ...SAME, labels: [{ name: 'a', value: 1 }, 'b', 'c'] }, 'twice'],
    [{ kind: 'detection' }, 'describes a detector'],
    [{ kind: 'yolov5', schema: 1 }, 'describes a detector'],
  ])('refuses the sidecar %j, naming what does not fit', async (sidecar, named) => {
    const folder = await temporaryFolder();
    await writeOwnSegmentation(join(folder, 'own.onnx'), sidecar, 'probabilities, NHWC out');
    const prepared = prepareTissueModel(join(folder, 'own.onnx'), join(folder, 'models'));
    await expect(prepared).rejects.toMatchObject({ code: 'SIDECAR_INVALID', message: expect.stringContaining(named) });
  });

  it('rejects a file that is not ONNX, a missing model JSON, and masks for cells', async () => {
    const folder = await temporaryFolder();
    const models = join(folder, 'models');
    await writeFile(join(folder, 'text.onnx'), 'no model at all');
    const unreadable = { code: 'MODEL_UNREADABLE' };
    await expect(prepareTissueModel(join(folder, 'text.onnx'), models)).rejects.toMatchObject(unreadable);
    await writeFile(join(folder, 'text.json'), JSON.stringify(SAME));
    await expect(prepareTissueModel(join(folder, 'text.onnx'), models)).rejects.toMatchObject(unreadable);
    await writeOwnSegmentation(join(folder, 'own.onnx'), SAME, 'probabilities, NHWC out');
    await copyFile(join(folder, 'own.onnx'), join(folder, 'alone.onnx'));
    await expect(prepareTissueModel(join(folder, 'alone.onnx'), models)).rejects.toMatchObject({
      code: 'SIDECAR_INVALID',
    });
    await expect(prepareCellModel(join(folder, 'own.onnx'), models)).rejects.toMatchObject({
      code: 'SIDECAR_INVALID',
      message: expect.stringMatching(/describes a segmentation model\.$/),
      remedy: 'Use it for the task `he`.',
    });
  });
});

describe('TileInput', () => {
  it('scales, shifts, swaps colours and puts channels last', () => {
    const spec = { layout: 'NHWC', channels: 'BGR', range: [0, 2], mean: [1, 0, 0], std: [1, 1, 2] } as const;
    const input = new TileInput({ ...spec, range: [0, 2], mean: [1, 0, 0], std: [1, 1, 2] }, [1, 2]);
    // Red 0.5 and 1, green 0.25 and 0, blue 0 and 0.75.
    expect(Array.from(input.fill(Float32Array.of(0.5, 1, 0.25, 0, 0, 0.75)))).toEqual([-1, 0.5, 0.5, 0.5, 0, 1]);
    expect(input.shape).toEqual([1, 1, 2, 3]);
  });
});

describe('placeScores and placeBoxes', () => {
  it('computes the softmax of logits and leaves labels without a channel at 0', () => {
    const into = new Float32Array(8).fill(9);
    placeScores(Float32Array.of(0, Math.log(3), 0, 0), { layout: 'NHWC', isLogits: true }, [1, 3], 4, into);
    expect(Array.from(into)).toEqual([0, 0.25, 0, 0.75, 0, 0.5, 0, 0.5]);
  });

  it('transposes columns to rows of objects', () => {
    const into = new Float32Array(14);
    // Two boxes of two classes: x, y, width, height, class scores, each for both.
    placeBoxes(Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 0.5, 0.25, 0.75, 1), 2, 2, into);
    expect(Array.from(into)).toEqual([1, 3, 5, 7, 1, 0.5, 0.75, 2, 4, 6, 8, 1, 0.25, 1]);
  });
});
