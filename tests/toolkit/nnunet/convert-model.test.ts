import { appendFile, cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sha256OfFile } from '../../../toolkit/files/hash-file.ts';
import { type ConvertProgress, convertModel, modelDigest } from '../../../toolkit/nnunet/convert/convert-model.ts';
import { methodOf, readModelCard } from '../../../toolkit/nnunet/model-card.ts';

const FIXTURES = join(import.meta.dirname, '..', '..', 'fixtures', 'nnunet');
/** What two float32 implementations of so small a network may differ by. */
const TOLERANCE = 1e-5;

let out: string;
beforeEach(async () => {
  out = await mkdtemp(join(tmpdir(), 'reignite-convert-'));
});
afterEach(async () => {
  await rm(out, { recursive: true, force: true });
});

async function readFloats(path: string): Promise<Float32Array> {
  const bytes = await readFile(path);
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}

async function softmaxOf(path: string, image: ort.Tensor): Promise<ort.Tensor> {
  const session = await ort.InferenceSession.create(path, { graphOptimizationLevel: 'all', intraOpNumThreads: 1 });
  const { softmax } = await session.run({ image });
  await session.release();
  if (softmax === undefined) throw new Error('The model has no output named softmax');
  return softmax;
}

function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let largest = 0;
  for (let i = 0; i < a.length; i++) largest = Math.max(largest, Math.abs((a[i] ?? Number.NaN) - (b[i] ?? Number.NaN)));
  return largest;
}

async function contents(folder: string): Promise<Readonly<Record<string, string>>> {
  const names = (await readdir(folder)).sort();
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await sha256OfFile(join(folder, name))])),
  );
}

/** A copy of a fixture that may be spoiled. */
async function copyOf(name: string): Promise<string> {
  const folder = join(out, 'source');
  await cp(join(FIXTURES, name), folder, { recursive: true });
  return folder;
}

describe('a converted model', () => {
  it.each([
    ['plain', [0, 1]],
    ['uneven', [0]],
    ['single', [0]],
    ['four', [0], 4],
  ])('gives the softmax that PyTorch gives: %s, folds %j', async (name, folds, channels = 3) => {
    const folder = join(FIXTURES, name);
    const card = await convertModel({ folder, folds, out });
    const { patch, classes } = card;
    expect(methodOf(card).normalisation).toEqual(Array.from({ length: channels }, () => ({ scheme: 'RGBTo01' })));
    const pixels = await readFloats(join(folder, 'input.f32'));
    for (const fold of folds) {
      const softmax = await softmaxOf(join(out, `fold_${fold}.onnx`), new ort.Tensor(pixels, [1, channels, ...patch]));
      const expected = await readFloats(join(folder, `fold_${fold}.softmax.f32`));
      expect(softmax.dims).toEqual([1, ...patch, classes]);
      expect(softmax.data).toHaveLength(expected.length);
      expect(largestDifference(expected, softmax.data as Float32Array)).toBeLessThan(TOLERANCE);
    }
  });
});

describe('convertModel', () => {
  const plain = { folder: join(FIXTURES, 'plain'), folds: [0, 1] };

  it('accepts a single modality if it is RGB, as its first convolution shows', async () => {
    const folder = await copyOf('plain');
    const plans = join(folder, 'fold_0', 'model_best.model.pkl');
    const pickle = await readFile(plans);
    const place = pickle.indexOf('num_modalities') + 'num_modalities'.length + 2;
    expect(pickle[place]).toBe(3);
    pickle[place] = 1;
    await writeFile(plans, pickle);
    const [single, usual] = [join(out, 'single'), join(out, 'usual')];
    await convertModel({ folder, folds: [0], out: single });
    await convertModel({ folder: join(FIXTURES, 'plain'), folds: [0], out: usual });
    expect(await sha256OfFile(join(single, 'fold_0.onnx'))).toBe(await sha256OfFile(join(usual, 'fold_0.onnx')));
  });

  it('writes a model JSON that says what was made from what', async () => {
    const card = await convertModel({ ...plain, out });
    expect(await readModelCard(out)).toEqual(card);
    expect(card).toMatchObject({
      trainer: 'nnUNetTrainerV2_BN',
      patch: [32, 32],
      classes: 5,
      architecture: { features: [4, 8, 16], convPerStage: 2 },
      digest: await modelDigest(plain.folder, plain.folds),
    });
    const [first] = card.folds;
    expect(first).toMatchObject({
      file: 'fold_0.onnx',
      sha256: await sha256OfFile(join(out, 'fold_0.onnx')),
      sourceSha256: await sha256OfFile(join(plain.folder, 'fold_0', 'model_best.model')),
      parallelPrefix: false,
    });
    expect(first?.unused.filter((name) => !name.endsWith('.num_batches_tracked'))).toEqual(['seg_outputs.0.weight']);
    expect(first?.unused).toHaveLength(11);
  });

  it('says that it removed the prefix of DataParallel', async () => {
    const card = await convertModel({ folder: join(FIXTURES, 'uneven'), folds: [0], out });
    expect(card.folds[0]).toMatchObject({ parallelPrefix: true });
    expect(card.folds[0]?.unused).toContain('seg_outputs.1.weight');
  });

  it('reports the folds as they are finished', async () => {
    const steps: ConvertProgress[] = [];
    await convertModel({ ...plain, out, onProgress: (progress) => steps.push(progress) });
    expect(steps.map(({ step, done, total }) => `${step} ${done}/${total}`)).toEqual([
      'hash 1/2',
      'hash 2/2',
      'convert 1/2',
      'convert 2/2',
    ]);
  });

  it('writes the same bytes every time, whatever a killed conversion left', async () => {
    await convertModel({ ...plain, out });
    const whole = await contents(out);
    await rm(join(out, 'model.json'));
    await writeFile(join(out, 'fold_0.onnx'), 'half a fi');
    await writeFile(join(out, '.fold_1.onnx.999999999.0a1b2c3d.tmp'), 'what a killed process left');
    await convertModel({ ...plain, out });
    expect(await contents(out)).toEqual(whole);
  });

  it('keeps a complete conversion and repairs a damaged one', async () => {
    await convertModel({ ...plain, out });
    const whole = await contents(out);
    const steps: string[] = [];
    await convertModel({ ...plain, out, onProgress: ({ step }) => steps.push(step) });
    expect(steps).toEqual(['hash', 'hash']);
    await appendFile(join(out, 'fold_1.onnx'), 'x');
    await convertModel({ ...plain, out });
    expect(await contents(out)).toEqual(whole);
  });

  it('leaves no model JSON and no temporary file if it is stopped half way', async () => {
    const stop = new AbortController();
    const stopped = convertModel({
      ...plain,
      out,
      signal: stop.signal,
      onProgress: ({ step }) => {
        if (step === 'convert') stop.abort();
      },
    });
    await expect(stopped).rejects.toMatchObject({ name: 'AbortError' });
    expect(await readdir(out)).toEqual(['fold_0.onnx']);
  });

  it('rejects a model with a missing fold, and names it', async () => {
    const fault = { code: 'FOLD_MISSING', message: expect.stringContaining(join('fold_2', 'model_best.model')) };
    await expect(convertModel({ folder: plain.folder, out })).rejects.toMatchObject(fault);
    await expect(modelDigest(plain.folder)).rejects.toMatchObject(fault);
    expect(await readdir(out)).toEqual([]);
  });

  it('rejects folds of different architectures', async () => {
    const folder = await copyOf('plain');
    const other = join(FIXTURES, 'single', 'fold_0', 'model_best.model');
    await cp(other, join(folder, 'fold_1', 'model_best.model'));
    const converted = convertModel({ folder, folds: [0, 1], out: join(out, 'onnx') });
    await expect(converted).rejects.toMatchObject({
      code: 'PARAMETER_MISSING',
      message: expect.stringContaining(join('fold_1', 'model_best.model')),
    });
    await expect(readModelCard(join(out, 'onnx'))).rejects.toMatchObject({ code: 'MODEL_UNREADABLE' });
  });

  it('rejects invalid plans', async () => {
    const folder = await copyOf('plain');
    await cp(join(folder, 'fold_1', 'model_best.model.pkl'), join(folder, 'fold_0', 'model_best.model.pkl'));
    await writeFile(join(folder, 'fold_0', 'model_best.model.pkl'), Buffer.from('80027d7100', 'hex').subarray(0, 4));
    const converted = convertModel({ folder, folds: [0, 1], out: join(out, 'onnx') });
    await expect(converted).rejects.toMatchObject({ code: 'CHECKPOINT_CORRUPT' });
  });
});

describe('modelDigest', () => {
  it('distinguishes the order of folds, the weights and the plans', async () => {
    const folder = await copyOf('plain');
    const digests = [
      await modelDigest(folder, [0, 1]),
      await modelDigest(folder, [1, 0]),
      await modelDigest(folder, [0]),
    ];
    await appendFile(join(folder, 'fold_1', 'model_best.model'), 'x');
    digests.push(await modelDigest(folder, [0, 1]));
    await appendFile(join(folder, 'fold_0', 'model_best.model.pkl'), 'x');
    digests.push(await modelDigest(folder, [0, 1]));
    expect(new Set(digests).size).toBe(5);
  });
});
