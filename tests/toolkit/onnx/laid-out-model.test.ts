import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { readModelCard } from '../../../toolkit/nnunet/model-card.ts';
import { laidOutOf } from '../../../toolkit/nnunet/networks/ort-fold-networks.ts';
import { writeModel } from '../../../toolkit/onnx/file/model-file.ts';
import { GraphBuilder } from '../../../toolkit/onnx/graph/graph.ts';
import { conv, floats, softmax } from '../../../toolkit/onnx/graph/operators.ts';
import { prepackedModel } from '../../../toolkit/onnx/session/laid-out-model.ts';
import { openSession } from '../../../toolkit/onnx/session/session.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';
import { writeTinyModel } from '../nnunet/support/tiny-model.ts';

async function tinyModel(): Promise<string> {
  return join(await writeTinyModel(await temporaryFolder(), [16, 24]), 'fold_1.onnx');
}

/** A network with a convolution that is worth rewriting. */
async function manyChannels(): Promise<string> {
  const graph = new GraphBuilder('many');
  const weights = (name: string, shape: readonly number[]) => {
    const length = shape.reduce((product, axis) => product * axis, 1);
    return floats(graph, name, shape, () => Float32Array.from({ length }, (_, at) => Math.sin(at * 1.7) / 16));
  };
  const image = graph.input('image', 'float32', [1, 3, 32, 32]);
  const wide = conv(graph, 'wide', image, { weight: weights('w', [256, 3, 1, 1]) }, { kernel: [1, 1] });
  const kernel = { weight: weights('k', [4, 256, 3, 3]), bias: weights('b', [4]) };
  const logits = conv(graph, 'logits', wide, kernel, { kernel: [3, 3], padding: [1, 1] });
  graph.output(softmax(graph, 'softmax', logits, 1), 'float32', [1, 4, 32, 32]);
  const path = join(await temporaryFolder(), 'many.onnx');
  await writeModel(path, graph.build());
  return path;
}

async function softmaxOf(path: string, laidOut: boolean | 'in memory', size: readonly [number, number] = [16, 24]) {
  const input = Float32Array.from({ length: 3 * size[0] * size[1] }, (_, at) => (at % 255) / 255);
  const { session } = await openSession(path, { provider: 'cpu', laidOut });
  const results = await session.run({ image: new Tensor('float32', input, [1, 3, ...size]) });
  await session.release();
  const data = results['softmax']?.data;
  if (!(data instanceof Float32Array)) throw new TypeError('Expected float32');
  return data;
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  return a.reduce((most, value, at) => Math.max(most, Math.abs(value - (b[at] ?? Number.NaN))), 0);
}

describe('laidOutOf', () => {
  it('has networks with rewritten norms copied, but small ones rewritten in memory', async () => {
    const folder = await writeTinyModel(await temporaryFolder(), [16, 24]);
    const card = await readModelCard(folder);
    expect(laidOutOf(folder, card)).toBe(false);
    expect(laidOutOf(folder, { ...card, normSums: 'rows' })).toBe('in memory');
    await truncate(join(folder, 'fold_1.onnx'), 5 * 2 ** 20);
    expect(laidOutOf(folder, { ...card, normSums: 'rows' })).toBe(true);
  });
});

describe('prepackedModel', () => {
  it('gives the bits of the model itself, the first time and from the copy', async () => {
    const path = await tinyModel();
    const plain = await softmaxOf(path, false);
    expect(await softmaxOf(path, true)).toEqual(plain);
    const copies = await readdir(join(dirname(path), 'laid-out'));
    expect(copies).toHaveLength(1);
    expect((await readdir(join(dirname(path), 'laid-out', copies[0] ?? ''))).sort()).toEqual([
      'model.onnx',
      'weights.bin',
    ]);
    expect(await softmaxOf(path, true)).toEqual(plain);
  });

  it('makes a copy once, and opens that', async () => {
    const [path, other] = [await tinyModel(), await tinyModel()];
    const copy = await prepackedModel(path);
    expect(await prepackedModel(path)).toBe(copy);
    // What the session reads shows in what it answers: the other model's output is of another height.
    await writeTinyModel(dirname(other), [32, 24]);
    await rm(dirname(copy ?? ''), { recursive: true });
    await rename(dirname((await prepackedModel(other)) ?? ''), dirname(copy ?? ''));
    const { session } = await openSession(path, { provider: 'cpu', laidOut: true });
    expect(session.outputMetadata[0]).toMatchObject({ shape: [1, 32, 24, 5] });
    await session.release();
  });

  it.each([
    ['graph', 'model.onnx'],
    ['weights', 'weights.bin'],
  ])('ignores a copy whose %s is damaged, and makes another', async (_, file) => {
    const path = await tinyModel();
    const plain = await softmaxOf(path, false);
    const copy = (await prepackedModel(path)) ?? '';
    await truncate(join(dirname(copy), file), 16);
    expect(await softmaxOf(path, true)).toEqual(plain);
    expect(await softmaxOf(path, true)).toEqual(plain);
    expect((await stat(join(dirname(copy), file))).size).toBeGreaterThan(16);
  });

  it('makes another copy for another state of the file', async () => {
    const path = await tinyModel();
    const copy = await prepackedModel(path);
    await utimes(path, 1, 1);
    expect(await prepackedModel(path)).not.toBe(copy);
  });

  it('makes one copy for several openings at once', async () => {
    const path = await tinyModel();
    const copies = new Set(await Promise.all([1, 2, 3].map(() => prepackedModel(path))));
    expect(copies.size).toBe(1);
    expect(await readdir(join(dirname(path), 'laid-out'))).toHaveLength(1);
  });

  it('rewrites a network of many channels, with and without a copy, with the same bits', async () => {
    const path = await manyChannels();
    const plain = await softmaxOf(path, false, [32, 32]);
    const first = await softmaxOf(path, true, [32, 32]);
    expect(first).not.toEqual(plain);
    expect(largestDifference(first, plain)).toBeLessThan(1e-5);
    const folder = join(dirname(path), 'laid-out');
    const [copy = ''] = await readdir(folder);
    expect((await readdir(join(folder, copy))).sort()).toEqual(['model.onnx', 'weights.bin']);
    await rm(folder, { recursive: true });
    expect(await softmaxOf(path, 'in memory', [32, 32])).toEqual(first);
    expect(existsSync(folder)).toBe(false);
    await writeFile(folder, 'a file where the folder should be');
    expect(await softmaxOf(path, true, [32, 32])).toEqual(first);
  });

  it('opens the model itself if no copy can be written', async () => {
    const path = await tinyModel();
    await writeFile(join(dirname(path), 'laid-out'), 'a file where the folder should be');
    expect(await prepackedModel(path)).toBeUndefined();
    expect(await softmaxOf(path, true)).toEqual(await softmaxOf(path, false));
  });

  it('removes what a killed process left', async () => {
    const path = await tinyModel();
    const { pid } = spawnSync('true');
    const left = join(dirname(path), 'laid-out', `.fold_1-0.${pid}.0a0a.tmp`);
    await mkdir(left, { recursive: true });
    await prepackedModel(path);
    expect(await readdir(join(dirname(path), 'laid-out'))).toHaveLength(1);
  });
});
