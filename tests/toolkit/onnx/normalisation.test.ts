import fc from 'fast-check';
import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { encodeModel } from '../../../toolkit/onnx/file/model-file.ts';
import { GraphBuilder, type OnnxGraph } from '../../../toolkit/onnx/graph/graph.ts';
import { foldedBias, foldedWeight, withNormsByRows } from '../../../toolkit/onnx/graph/normalisation.ts';
import { floats, instanceNormalization, relu } from '../../../toolkit/onnx/graph/operators.ts';
import { randomNumbers } from '../../support/random-numbers.ts';

type Shape = readonly [number, number, number, number];

const SCALE = [0.5, -1.5, 2];
const BIAS = [0.25, -3, 0];

function normOf(shape: Shape, epsilon: number): OnnxGraph {
  const graph = new GraphBuilder('test');
  const x = graph.input('x', 'float32', shape);
  const weights = (name: string, values: readonly number[]) =>
    floats(graph, name, [shape[1]], () => Float32Array.from(values.slice(0, shape[1])));
  const parts = { scale: weights('scale', SCALE), bias: weights('bias', BIAS) };
  graph.output(instanceNormalization(graph, 'y', x, parts, epsilon), 'float32', shape);
  return graph.build();
}

async function run(graph: OnnxGraph, x: Float32Array): Promise<Float32Array> {
  const session = await ort.InferenceSession.create(await encodeModel(graph), { intraOpNumThreads: 1 });
  const { y } = await session.run({ x: new ort.Tensor('float32', x, graph.inputs[0]?.shape ?? []) });
  await session.release();
  if (!(y?.data instanceof Float32Array)) throw new TypeError('Expected float32');
  return y.data;
}

/** The definition, in float64. */
function normalised(x: Float32Array, [, channels, height, width]: Shape, epsilon: number): Float64Array {
  const pixels = height * width;
  const result = new Float64Array(x.length);
  for (let c = 0; c < channels; c++) {
    const plane = Float64Array.from(x.subarray(c * pixels, (c + 1) * pixels));
    const mean = plane.reduce((sum, value) => sum + value, 0) / pixels;
    const variance = plane.reduce((sum, value) => sum + (value - mean) ** 2, 0) / pixels;
    const factor = (SCALE[c] ?? 0) / Math.sqrt(variance + epsilon);
    result.set(
      plane.map((value) => (value - mean) * factor + (BIAS[c] ?? 0)),
      c * pixels,
    );
  }
  return result;
}

function largestDifference(one: Float32Array, other: Float64Array): number {
  expect(one.length).toBe(other.length);
  return one.reduce((most, value, at) => Math.max(most, Math.abs(value - (other[at] ?? Number.NaN))), 0);
}

describe('withNormsByRows', () => {
  it.each([
    { shape: [1, 3, 24, 40], epsilon: 1e-5 },
    { shape: [1, 1, 7, 5], epsilon: 0.25 },
    { shape: [1, 2, 1, 9], epsilon: 1e-3 },
    { shape: [1, 2, 9, 1], epsilon: 1e-3 },
    { shape: [1, 2, 1, 1], epsilon: 1e-5 },
  ] as const)('normalises $shape with epsilon $epsilon as the definition does', async ({ shape, epsilon }) => {
    const { share } = randomNumbers(5);
    const length = shape.reduce<number>((product, axis) => product * axis, 1);
    const x = Float32Array.from({ length }, () => 4 * share() - 1);
    const graph = withNormsByRows(normOf(shape, epsilon));
    expect(graph.nodes.map(({ operator }) => operator)).not.toContain('InstanceNormalization');
    expect(largestDifference(await run(graph, x), normalised(x, shape, epsilon))).toBeLessThan(2e-6);
  });

  it('stays near float64 where most of the image is constant', async () => {
    const shape = [1, 1, 512, 512] as const;
    const { share } = randomNumbers(9);
    // Three quarters are constant, as behind a convolution with a bias in padding: every sum is rounded in one direction.
    const x = Float32Array.from({ length: 512 * 512 }, (_, at) =>
      at % 512 < 256 && at < 256 * 512 ? 2 * share() - 1 : 0.7,
    );
    const found = await run(withNormsByRows(normOf(shape, 1e-5)), x);
    // ONNX Runtime's InstanceNormalization differs by 3.6e-4 here.
    expect(largestDifference(found, normalised(x, shape, 1e-5))).toBeLessThan(1e-5);
  });

  it('leaves graphs without instance normalisation, and those for several images', () => {
    const several = normOf([2, 3, 8, 8], 1e-5);
    expect(withNormsByRows(several)).toBe(several);
    const graph = new GraphBuilder('test');
    graph.output(relu(graph, 'y', graph.input('x', 'float32', [1, 3, 8, 8])), 'float32', [1, 3, 8, 8]);
    const plain = graph.build();
    expect(withNormsByRows(plain)).toBe(plain);
  });
});

const EPSILON = 1e-5;

const f32 = (value: number) => Float32Array.of(value);

describe('folding batch normalisation into a convolution', () => {
  it('scales each output channel by its own gamma / sqrt(variance + epsilon)', () => {
    const norm = {
      gamma: Float32Array.of(2, 3),
      variance: Float32Array.of(4 - EPSILON, 0.25 - EPSILON),
      epsilon: EPSILON,
      beta: Float32Array.of(0.5, -1),
      mean: Float32Array.of(1, 0.5),
    };
    expect(Array.from(foldedWeight(Float32Array.of(1, 2, 3, 4), 2, norm))).toEqual([1, 2, 18, 24]);
    expect(Array.from(foldedBias(Float32Array.of(5, 1), norm))).toEqual([4.5, 2]);
    const second = foldedWeight(Float32Array.of(3, 4), 1, norm, 1);
    expect([...second, ...foldedBias(Float32Array.of(1), norm, 1)]).toEqual([18, 24, 2]);
  });

  it('equals convolution followed by normalisation, up to rounding in float32', () => {
    const value = fc.float({ min: -4, max: 4, noNaN: true });
    const positive = fc.float({ min: Math.fround(0.01), max: 4, noNaN: true });
    fc.assert(
      fc.property(value, value, value, positive, value, value, positive, (x, w, b, gamma, beta, mean, variance) => {
        const norm = {
          ...{ gamma: f32(gamma), beta: f32(beta), mean: f32(mean), variance: f32(variance) },
          epsilon: EPSILON,
        };
        const weight = foldedWeight(f32(w), 1, norm)[0] ?? Number.NaN;
        const bias = foldedBias(f32(b), norm)[0] ?? Number.NaN;
        const inTurn = ((w * x + b - mean) / Math.sqrt(variance + EPSILON)) * gamma + beta;
        const size = Math.abs(weight * x) + Math.abs(bias);
        expect(Math.abs(weight * x + bias - inTurn)).toBeLessThanOrEqual(size * 2 ** -23 + 1e-30);
      }),
    );
  });

  it('does not change its input arrays', () => {
    const weight = Float32Array.of(1, 2);
    foldedWeight(weight, 1, { gamma: f32(3), variance: f32(1), epsilon: EPSILON });
    expect(Array.from(weight)).toEqual([1, 2]);
  });
});
