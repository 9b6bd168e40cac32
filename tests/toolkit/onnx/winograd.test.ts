import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { encodeModel, readModel, writeModel } from '../../../toolkit/onnx/file/model-file.ts';
import type { OnnxGraph } from '../../../toolkit/onnx/graph/graph.ts';
import { GraphBuilder, type Value } from '../../../toolkit/onnx/graph/graph.ts';
import { add, concat, conv, convTranspose, floats, leakyRelu, relu } from '../../../toolkit/onnx/graph/operators.ts';
import { valueShapes, withWinograd } from '../../../toolkit/onnx/graph/winograd.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';
import { randomNumbers } from '../../support/random-numbers.ts';

const ALL = { inputs: 1, pixels: 1 };
const THREE = { kernel: [3, 3], padding: [1, 1] } as const;

function randomFloats(seed: number, length: number): Float32Array {
  const { share } = randomNumbers(seed);
  return Float32Array.from({ length }, () => 2 * share() - 1);
}

function weights(graph: GraphBuilder, name: string, shape: readonly [number, number, number, number], seed: number) {
  const length = shape.reduce((product, axis) => product * axis, 1);
  return {
    weight: floats(graph, `${name}.weight`, shape, () => randomFloats(seed, length)),
    bias: floats(graph, `${name}.bias`, [shape[0]], () => randomFloats(seed + 1, shape[0])),
  };
}

function graphOf(
  [channels, height, width]: readonly [number, number, number],
  outputs: number,
  body: (graph: GraphBuilder, x: Value) => Value,
): OnnxGraph {
  const graph = new GraphBuilder('test');
  const x = graph.input('x', 'float32', [1, channels, height, width]);
  graph.output(body(graph, x), 'float32', [1, outputs, height, width]);
  return graph.build();
}

function oneConvolution(size: readonly [number, number, number], outputs: number, seed = 1): OnnxGraph {
  return graphOf(size, outputs, (g, x) => conv(g, 'y', x, weights(g, 'y', [outputs, size[0], 3, 3], seed), THREE));
}

async function run(graph: OnnxGraph, seed: number): Promise<Float32Array> {
  const session = await ort.InferenceSession.create(await encodeModel(graph), { intraOpNumThreads: 1 });
  const shape = graph.inputs[0]?.shape ?? [];
  const values = randomFloats(
    seed,
    shape.reduce((product, axis) => product * axis, 1),
  );
  const results = await session.run({ x: new ort.Tensor('float32', values, shape) });
  await session.release();
  const data = results[graph.outputs[0]?.name ?? '']?.data;
  if (!(data instanceof Float32Array)) throw new TypeError('Expected float32');
  return data;
}

/** Same sums in float64, in the plainest way. */
async function emitConv(graph: OnnxGraph, seed: number): Promise<Float64Array> {
  const [, channels = 0, height = 0, width = 0] = graph.inputs[0]?.shape ?? [];
  const x = randomFloats(seed, channels * height * width);
  const [weight, bias] = await Promise.all(graph.tensors.map(({ read }) => read()));
  const outputs = bias?.length ?? 0;
  const sums = new Float64Array(outputs * height * width);
  sums.forEach((_, at) => {
    const [o, i, j] = [Math.floor(at / (height * width)), Math.floor(at / width) % height, at % width];
    let sum = Number(bias?.[o]);
    for (let c = 0; c < channels; c++) {
      for (let u = 0; u < 3; u++) {
        for (let v = 0; v < 3; v++) {
          const [y, z] = [i + u - 1, j + v - 1];
          if (y < 0 || z < 0 || y >= height || z >= width) continue;
          sum += (x[(c * height + y) * width + z] ?? 0) * Number(weight?.[((o * channels + c) * 3 + u) * 3 + v]);
        }
      }
    }
    sums[at] = sum;
  });
  return sums;
}

function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  return Array.from(a).reduce((most, value, at) => Math.max(most, Math.abs(value - (b[at] ?? Number.NaN))), 0);
}

describe('withWinograd', () => {
  it.each([
    { size: [1, 4, 4], outputs: 1 },
    { size: [5, 8, 12], outputs: 3 },
    { size: [16, 20, 4], outputs: 16 },
    { size: [48, 16, 16], outputs: 24 },
  ] as const)(
    'convolves $size to $outputs channels as the definition does, borders included',
    async ({ size, outputs }) => {
      const graph = oneConvolution(size, outputs);
      const rewritten = withWinograd(graph, ALL);
      expect(rewritten.nodes.filter(({ operator }) => operator === 'MatMul')).toHaveLength(2);
      const expected = await emitConv(graph, 7);
      // Rounding grows with the number of products that are summed, here of numbers in -1..1.
      const bound = 2e-7 * 9 * size[0];
      expect(largestDifference(await run(rewritten, 7), expected)).toBeLessThan(bound);
      expect(largestDifference(await run(graph, 7), expected)).toBeLessThan(bound);
    },
  );

  it('rewrites within a graph, and leaves what only looks similar', async () => {
    const graph = graphOf([8, 16, 16], 8, (g, x) => {
      const first = leakyRelu(g, 'first.lrelu', conv(g, 'first', x, weights(g, 'first', [8, 8, 3, 3], 1), THREE), 0.01);
      const halved = conv(g, 'halved', first, weights(g, 'halved', [8, 8, 3, 3], 3), { ...THREE, stride: [2, 2] });
      const up = convTranspose(
        g,
        'up',
        halved,
        { weight: weights(g, 'up', [8, 8, 2, 2], 5).weight },
        { kernel: [2, 2], stride: [2, 2] },
      );
      const both = concat(g, 'both', [up, first], 1);
      const last = conv(g, 'last', both, weights(g, 'last', [8, 16, 3, 3], 7), THREE);
      const grouped = conv(g, 'grouped', last, weights(g, 'grouped', [8, 1, 3, 3], 9), { ...THREE, groups: 8 });
      const wide = { kernel: [3, 3], padding: [2, 2], dilation: [2, 2] } as const;
      return conv(g, 'wide', grouped, weights(g, 'wide', [8, 8, 3, 3], 11), wide);
    });
    const rewritten = withWinograd(graph, ALL);
    const names = rewritten.nodes.flatMap(({ name }) => (name.endsWith('.winograd.products') ? [name] : []));
    expect(names).toEqual(['first.winograd.products', 'last.winograd.products']);
    expect(rewritten.tensors.map(({ name }) => name)).not.toContain('first.weight');
    expect(rewritten.tensors.map(({ name }) => name)).toContain('halved.weight');
    const [plain, other] = [await run(graph, 3), await run(rewritten, 3)];
    const largest = plain.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    expect(largestDifference(plain, other) / largest).toBeLessThan(2e-6);
  });

  it('leaves convolutions without a gain: few channels, small maps, sides that are not a multiple of four', () => {
    for (const size of [
      [255, 32, 32],
      [256, 28, 36],
      [256, 30, 40],
    ] as const) {
      const graph = oneConvolution(size, 1);
      expect(withWinograd(graph)).toBe(graph);
    }
    expect(withWinograd(oneConvolution([256, 32, 32], 1)).nodes.length).toBeGreaterThan(1);
  });

  it('leaves a convolution whose input has no known shape', () => {
    const graph = graphOf([8, 8, 8], 8, (g, x) => {
      const y = conv(g, 'y', relu(g, 'unknown', x), weights(g, 'y', [8, 8, 3, 3], 1), THREE);
      return add(g, 'sum', y, x);
    });
    expect(withWinograd(graph, ALL)).toBe(graph);
  });
});

describe('valueShapes', () => {
  it('follows strides, kernels, joins and transposed convolutions', () => {
    const graph = graphOf([3, 17, 8], 7, (g, x) => {
      const down = conv(g, 'down', x, weights(g, 'down', [4, 3, 3, 3], 1), { ...THREE, stride: [2, 1] });
      const weight = weights(g, 'up', [4, 5, 2, 1], 1).weight;
      const up = convTranspose(g, 'up', down, { weight }, { kernel: [2, 1], stride: [2, 1] });
      return concat(g, 'both', [up, leakyRelu(g, 'leaky', up, 0.5)], 1);
    });
    const shapes = valueShapes(graph);
    expect([shapes.get('down'), shapes.get('up'), shapes.get('both')]).toEqual([
      [1, 4, 9, 8],
      [1, 5, 18, 8],
      [1, 10, 18, 8],
    ]);
  });
});

describe('readModel', () => {
  it('reads what was written, with the same bytes', async () => {
    const folder = await temporaryFolder();
    const graph = withWinograd(oneConvolution([4, 8, 8], 3), ALL);
    await writeModel(join(folder, 'a.onnx'), graph);
    const { sha256 } = await writeModel(join(folder, 'b.onnx'), readModel(join(folder, 'a.onnx')));
    expect(sha256).toBe((await writeModel(join(folder, 'c.onnx'), graph)).sha256);
  });
});
