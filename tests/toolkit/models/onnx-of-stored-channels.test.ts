import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it, onTestFinished } from 'vitest';
import { decodeLabels } from '../../../toolkit/image/decode-labels.ts';
import { prepareCellModel } from '../../../toolkit/models/cell-model.ts';
import { draftSidecar } from '../../../toolkit/models/describe-onnx.ts';
import { prepareTissueModel } from '../../../toolkit/models/tissue-model.ts';
import { createRoiSegmenter } from '../../../toolkit/nnunet/sliding-window/roi-segmenter.ts';
import { describeModel } from '../../../toolkit/onnx/file/describe-model.ts';
import { writeModel } from '../../../toolkit/onnx/file/model-file.ts';
import { GraphBuilder, type Value } from '../../../toolkit/onnx/graph/graph.ts';
import { conv, floats, reshape, transpose } from '../../../toolkit/onnx/graph/operators.ts';
import { detectImage } from '../../../toolkit/yolo/detect/detect-image.ts';
import { readBoxes } from '../../../toolkit/yolo/detect/detection-files.ts';
import { letterboxInto } from '../../../toolkit/yolo/detect/image-views.ts';
import { openDetector } from '../../../toolkit/yolo/detect/open-detector.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';
import { noise } from '../../support/random-numbers.ts';

const SIDE = 32;
const MEAN = [0.1, 0.3, 0.5, 0.2];
const STD = [0.5, 2, 1, 0.25];

/** What a byte becomes in a channel. */
function scaled(byte: number | undefined, channel: number): number {
  return ((byte ?? 0) / 255 - (MEAN[channel] ?? 0)) / (STD[channel] ?? 1);
}

function inputOf(channels: number, layout: 'NCHW' | 'NHWC') {
  return {
    ...(channels === 4 && { channels: 'four' }),
    mean: MEAN.slice(0, channels),
    std: STD.slice(0, channels),
    layout,
  };
}

function imageInput(graph: GraphBuilder, channels: number, layout: 'NCHW' | 'NHWC'): Value {
  if (layout === 'NCHW') return graph.input('image', 'float32', [1, channels, SIDE, SIDE]);
  return transpose(graph, 'first', graph.input('image', 'float32', [1, SIDE, SIDE, channels]), [0, 3, 1, 2]);
}

/** A model whose scores are its channels, and a constant for the last label. */
async function writeSegmentation(path: string, channels: number, layout: 'NCHW' | 'NHWC'): Promise<void> {
  const graph = new GraphBuilder('own');
  const labels = channels + 1;
  const weights = Float32Array.from({ length: labels * channels }, (_, at) => (at % (channels + 1) === 0 ? 1 : 0));
  const bias = Float32Array.from({ length: labels }, (_, label) => (label === channels ? LAST : 0));
  const weight = floats(graph, 'w', [labels, channels, 1, 1], () => weights);
  const logits = conv(
    graph,
    'logits',
    imageInput(graph, channels, layout),
    { weight, bias: floats(graph, 'b', [labels], () => bias) },
    { kernel: [1, 1], padding: [0, 0] },
  );
  if (layout === 'NCHW') graph.output(logits, 'float32', [1, labels, SIDE, SIDE]);
  else graph.output(transpose(graph, 'last', logits, [0, 2, 3, 1]), 'float32', [1, SIDE, SIDE, labels]);
  await writeModel(path, graph.build());
  const sidecar = {
    kind: 'segmentation',
    input: inputOf(channels, layout),
    output: { values: 'logits' },
    labels: Array.from({ length: labels }, (_, label) => `label ${label}`),
  };
  await writeFile(path.replace('.onnx', '.json'), JSON.stringify(sidecar));
}

const LAST = 0.1;

/** A model with one box, whose scores are 0.2 and the mean of each channel over the tile. */
async function writeDetector(path: string, channels: number, layout: 'NCHW' | 'NHWC'): Promise<void> {
  const graph = new GraphBuilder('own');
  const rows = 4 + channels;
  const pixels = SIDE * SIDE;
  const weights = new Float32Array(rows * channels * pixels);
  for (let channel = 0; channel < channels; channel++) {
    const from = ((4 + channel) * channels + channel) * pixels;
    weights.fill(1 / pixels, from, from + pixels);
  }
  const bias = Float32Array.from([16, 16, 8, 8, ...Array.from({ length: channels }, () => 0.2)]);
  const head = conv(
    graph,
    'head',
    imageInput(graph, channels, layout),
    {
      weight: floats(graph, 'w', [rows, channels, SIDE, SIDE], () => weights),
      bias: floats(graph, 'b', [rows], () => bias),
    },
    { kernel: [SIDE, SIDE], padding: [0, 0] },
  );
  graph.output(reshape(graph, 'boxes', head, [1, rows, 1]), 'float32', [1, rows, 1]);
  await writeModel(path, graph.build());
  const sidecar = {
    kind: 'detection',
    input: inputOf(channels, layout),
    output: { format: 'yolov8' },
    labels: Array.from({ length: channels }, (_, label) => `class ${label}`),
  };
  await writeFile(path.replace('.onnx', '.json'), JSON.stringify(sidecar));
}

interface Stored {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** A PNG of grey and alpha, or of red, green, blue and alpha. */
async function writeImage(folder: string, channels: 2 | 3 | 4, bytes: Uint8Array, width: number): Promise<Stored> {
  const path = join(folder, `image-${channels}.png`);
  const raw = { width, height: bytes.length / channels / width, channels };
  const image = sharp(bytes, { raw });
  await (channels === 2 ? image.toColourspace('b-w') : image).png().toFile(path);
  return { path, bytes };
}

const LAYOUTS = [
  [2, 'NCHW'],
  [2, 'NHWC'],
  [4, 'NCHW'],
  [4, 'NHWC'],
] as const;

describe('an ONNX segmentation model of channels as the image stores them', () => {
  it.each(LAYOUTS)('with %i channels as %s gives the label of the largest scaled channel', async (channels, layout) => {
    const folder = await temporaryFolder();
    const onnx = join(folder, 'own.onnx');
    await writeSegmentation(onnx, channels, layout);
    const { path: image, bytes } = await writeImage(folder, channels, noise(50 * 40 * channels, 3), 50);
    const { modelDir, ...model } = await prepareTissueModel(onnx, join(folder, 'models'));
    expect(model).toMatchObject({ channels, classes: channels + 1 });
    const segmenter = createRoiSegmenter({ provider: 'cpu', threads: 1 });
    onTestFinished(() => segmenter.close());
    const [mask, confidence, partialDir] = [join(folder, 'm.png'), join(folder, 'c.png'), join(folder, 'partial')];
    await segmenter.segment({ image, mask, confidence, modelDir, partialDir, scope: 'full' });
    const { data } = await decodeLabels(mask);
    let compared = 0;
    for (const [pixel, label] of data.entries()) {
      const scores = [
        ...Array.from({ length: channels }, (_, channel) => scaled(bytes[pixel * channels + channel], channel)),
        LAST,
      ];
      const [best = 0, second = 0] = scores.toSorted((a, b) => b - a);
      if (best - second < 1e-4) continue;
      compared++;
      expect(label, `pixel ${pixel}`).toBe(scores.indexOf(best));
    }
    expect(compared).toBeGreaterThan(1_900);
    expect(new Set(data).size).toBe(channels + 1);
  });

  it('refuses an image with another number of channels', async () => {
    const folder = await temporaryFolder();
    const onnx = join(folder, 'own.onnx');
    await writeSegmentation(onnx, 2, 'NCHW');
    const { path: image } = await writeImage(folder, 3, noise(32 * 32 * 3, 3), 32);
    const { modelDir } = await prepareTissueModel(onnx, join(folder, 'models'));
    const segmenter = createRoiSegmenter({ provider: 'cpu', threads: 1 });
    onTestFinished(() => segmenter.close());
    const [mask, confidence, partialDir] = [join(folder, 'm.png'), join(folder, 'c.png'), join(folder, 'partial')];
    await expect(
      segmenter.segment({ image, mask, confidence, modelDir, partialDir, scope: 'full' }),
    ).rejects.toMatchObject({ code: 'IMAGE_UNREADABLE', message: expect.stringContaining('the model needs 2') });
  });

  it('has a draft of its model JSON', async () => {
    const onnx = join(await temporaryFolder(), 'own.onnx');
    await writeSegmentation(onnx, 2, 'NHWC');
    const { sidecar, unknown } = draftSidecar(onnx, describeModel(onnx));
    expect(sidecar).toMatchObject({ kind: 'segmentation', labels: [{}, {}, {}] });
    expect(unknown.join(' ')).toContain('Check that images have two channels');
  });
});

describe('an ONNX detector of channels as the image stores them', () => {
  it.each(LAYOUTS)('with %i channels as %s scores the scaled channels of each tile', async (channels, layout) => {
    const folder = await temporaryFolder();
    const onnx = join(folder, 'own.onnx');
    await writeDetector(onnx, channels, layout);
    // Two tiles: the channels of the left one are 200, 210, ..., those of the right one 100, 110, ...
    const bytes = Uint8Array.from({ length: 2 * SIDE * SIDE * channels }, (_, at) => {
      const column = Math.floor(at / channels) % (2 * SIDE);
      return (column < SIDE ? 200 : 100) + 10 * (at % channels);
    });
    const { path: image } = await writeImage(folder, channels, bytes, 2 * SIDE);
    const { modelDir, ...model } = await prepareCellModel(onnx, join(folder, 'models'));
    expect(model).toMatchObject({ channels });
    const detector = await openDetector(modelDir, { provider: 'cpu', threads: 1 });
    onTestFinished(() => detector.release());
    const scoreOf = (base: number) =>
      Math.max(...Array.from({ length: channels }, (_, channel) => 0.2 + scaled(base + 10 * channel, channel)));

    const job = { image, floor: 0, partialDir: join(folder, 'partial'), boxes: join(folder, 'boxes.npy') };
    const { seen } = await detectImage(job, detector, { model: 'own' });
    const { tiles } = await readBoxes(job.boxes, seen);
    expect(tiles.map(({ candidates }) => candidates.scores[0])).toEqual([
      expect.closeTo(scoreOf(200), 4),
      expect.closeTo(scoreOf(100), 4),
    ]);

    // Seen as a whole: half of the rows are padding of 114, and each half of the others is one of the tiles.
    const box = letterboxInto({ width: 2 * SIDE, height: SIDE }, { width: SIDE, height: SIDE });
    const whole = { ...job, view: { kind: 'letterbox', box } } as const;
    const { seen: asWhole } = await detectImage(whole, detector, { model: 'whole' });
    const [tile] = (await readBoxes(job.boxes, asWhole)).tiles;
    const means = Array.from(
      { length: channels },
      (_, channel) =>
        0.2 +
        scaled(114, channel) / 2 +
        scaled(200 + 10 * channel, channel) / 4 +
        scaled(100 + 10 * channel, channel) / 4,
    );
    expect(tile?.candidates.scores[0]).toBeCloseTo(Math.max(...means), 2);
  });
});
