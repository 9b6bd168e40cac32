import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { parityCommand } from '../../cli/predict/parity.ts';
import { compareOutputs } from '../../toolkit/models/compare-outputs.ts';
import { readModelCard } from '../../toolkit/nnunet/model-card.ts';
import { writeNpy } from '../../toolkit/numpy.ts';
import { writeModel } from '../../toolkit/onnx/file/model-file.ts';
import { GraphBuilder } from '../../toolkit/onnx/graph/graph.ts';
import { InferenceThread } from '../../toolkit/onnx/session/inference-thread.ts';
import { temporaryFolder } from '../support/in-temporary-folder.ts';
import { randomNumbers } from '../support/random-numbers.ts';
import { writeTinyModel } from '../toolkit/nnunet/support/tiny-model.ts';

const fixture = (path: string) => fileURLToPath(new URL(`../fixtures/${path}`, import.meta.url));

/** An input of random numbers from 0 to 1. */
async function inputOf(shape: readonly number[]): Promise<string> {
  const path = join(await temporaryFolder(), 'input.npy');
  const { below } = randomNumbers(3);
  const length = shape.reduce((product, axis) => product * axis, 1);
  await writeNpy(path, { dtype: 'float32', shape, data: Float32Array.from({ length }, () => below(256) / 255) });
  return path;
}

describe('reignite model parity', () => {
  const tolerance = 1e-3;

  it('finds a detector equal to its export, and another one different', async () => {
    const input = await inputOf([1, 3, 64, 64]);
    const model = fixture('ultralytics/v8.pt');
    const { convertCommand } = await import('../../cli/predict/model.ts');
    const onnx = join(await temporaryFolder(), 'own.onnx');
    await convertCommand(model, { out: onnx, size: 64, json: true });
    expect(await parityCommand(model, { against: onnx, input, tolerance: 0.05, json: true })).toBe(0);
    const other = join(await temporaryFolder(), 'other.onnx');
    await convertCommand(fixture('ultralytics/v12.pt'), { out: other, size: 64, json: true });
    expect(await parityCommand(onnx, { against: other, input, tolerance: 0.05, json: true })).toBe(4);
  });

  it('accepts a reference with another dtype for the input', async () => {
    const input = await inputOf([1, 3, 32, 32]);
    const model = fixture('onnx-models/half.onnx');
    expect(await parityCommand(model, { against: model, input, tolerance: 0.05, json: true })).toBe(0);
  });

  it('runs a large nnU-Net model with its optimised copy, like runs do, and leaves no files next to it', async () => {
    const folder = await writeTinyModel(await temporaryFolder(), [16, 24]);
    const model = join(folder, 'fold_0.onnx');
    const card = await readModelCard(folder);
    const asked: unknown[] = [];
    const run = vi.spyOn(InferenceThread.prototype, 'ask').mockImplementation(async (request) => {
      asked.push(request);
      return { kind: 'ran', result: { shape: [1], values: Float32Array.of(1) } };
    });
    onTestFinished(() => run.mockRestore());
    const beside = (patch: readonly number[]) =>
      writeFile(join(folder, 'fold_0.json'), JSON.stringify({ ...card, folds: card.folds.slice(0, 1), patch }));
    const input = await inputOf([1, 3, 16, 24]);
    // Memory is estimated from the patch: this one takes some GB.
    await beside([8192, 8192]);
    await parityCommand(model, { against: model, input, tolerance, json: true });
    await beside([16, 24]);
    await parityCommand(model, { against: model, input, tolerance, json: true });
    expect(asked).toMatchObject([
      { job: { how: 'plain' } },
      { job: { path: expect.not.stringContaining(folder), how: { laidOut: true } } },
      { job: { how: 'plain' } },
      { job: { path: model, how: { laidOut: false } } },
    ]);
  });

  it('says which input does not fit, and why a reference cannot be used', async () => {
    const model = fixture('onnx-models/half.onnx');
    const small = parityCommand(model, { against: model, input: await inputOf([1, 3, 16, 16]), tolerance });
    await expect(small).rejects.toMatchObject({
      code: 'INFERENCE_FAILED',
      message: expect.stringContaining('1,3,16,16'),
      remedy: 'Give an `--input` of the shape that the model takes: [1, 3, 32, 32].',
    });
    const input = await inputOf([1, 3, 32, 32]);
    const text = join(await temporaryFolder(), 'text.onnx');
    await writeFile(text, 'no model');
    await expect(parityCommand(model, { against: text, input, tolerance })).rejects.toMatchObject({
      code: 'MODEL_UNREADABLE',
    });
    const other = join(await temporaryFolder(), 'out.npz');
    await copyFile(text, other);
    await expect(parityCommand(model, { against: other, input, tolerance })).rejects.toMatchObject({ code: 'USAGE' });
    await expect(parityCommand(model, { against: model, input, tolerance: Number.NaN })).rejects.toMatchObject({
      code: 'USAGE',
    });
  });
});

describe('the remedies of reignite model parity', () => {
  /** A model of one operator whose inputs are all of one shape. */
  async function modelOf(operator: string, inputs: number): Promise<string> {
    const path = join(await temporaryFolder(), 'model.onnx');
    const graph = new GraphBuilder('own');
    const values = Array.from({ length: inputs }, (_, at) => graph.input(`x${at}`, 'float32', [1]));
    graph.output(graph.node('y', operator, values), 'float32', [1]);
    await writeModel(path, graph.build());
    return path;
  }

  it.each([
    ['two inputs', 'Add', 2, undefined, 'INFERENCE_FAILED', /image as the only input/],
    ['an output that it does not have', 'Relu', 1, 'zz', 'USAGE', /`--output`: y/],
    ['an unknown operator', 'Nonsense', 1, undefined, 'MODEL_UNREADABLE', /operators and an opset/],
  ])('fit a model with %s', async (_what, operator, inputs, output, code, remedy) => {
    const against = await modelOf(operator, inputs);
    const input = await inputOf([1]);
    const asked = { against, input, tolerance: 0, json: true, ...(output !== undefined && { output }) };
    const fitting = { code, remedy: expect.stringMatching(remedy) };
    await expect(parityCommand(against, asked)).rejects.toMatchObject(fitting);
    if (output !== undefined) return;
    await expect(parityCommand(against, { ...asked, against: input })).rejects.toMatchObject(fitting);
  });
});

describe('compareOutputs', () => {
  const ours = { shape: [1, 2, 1, 3], values: Float32Array.of(1, 2, 3, 4, 5, 6) };

  it('moves channels first if the model has them last', () => {
    const reference = { shape: [3, 2, 1], values: Float64Array.of(1, 4, 2, 5.5, 3, 6) };
    expect(compareOutputs(ours, reference, 0.1)).toMatchObject({
      transposed: true,
      maxDifference: 0.5,
      at: [1, 1, 0],
      beyond: 1,
    });
  });

  it('never accepts NaN or infinity in either output', () => {
    const reference = { shape: [2, 1, 3], values: Float64Array.of(1, 2, 3, 4, 5, Number.NaN) };
    expect(compareOutputs(ours, reference, 100)).toMatchObject({ maxDifference: null, beyond: 1, at: [1, 0, 2] });
    expect(compareOutputs(reference, reference, 100)).toMatchObject({ maxDifference: null, beyond: 1 });
  });

  it('rejects outputs of different shapes', () => {
    const reference = { shape: [6], values: new Float64Array(6) };
    expect(() => compareOutputs(ours, reference, 1)).toThrow('The model gives [1,2,1,3], the reference is [6].');
  });
});
