import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { encodeModel } from '../../../toolkit/onnx/file/write-model.ts';
import { GraphBuilder, type OnnxGraph } from '../../../toolkit/onnx/graph/graph.ts';
import { withNormsByRows } from '../../../toolkit/onnx/graph/norms-by-rows.ts';
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
