import { describe, expect, it } from 'vitest';
import { inHalfPrecision, toHalf } from '../../../scripts/verdict/half-precision-graph.ts';
import { GraphBuilder } from '../../../toolkit/onnx/graph/graph.ts';
import { conv, relu } from '../../../toolkit/onnx/graph/operators.ts';

describe('emulated half precision', () => {
  it('rounds to float16, ties to even', () => {
    // numpy.float16 of the same numbers.
    expect([1, 1 + 2 ** -11, 1 + 3 * 2 ** -11, 0.1, -2049, 1e-7, 3e-8].map(toHalf)).toEqual([
      1,
      1,
      1 + 2 ** -9,
      0.0999755859375,
      -2048,
      2 ** -23,
      2 ** -24,
    ]);
  });

  it('rounds input, weights and output of convolutions, and nothing else', async () => {
    const graph = new GraphBuilder('test');
    const image = graph.input('image', 'float32', [1, 1, 4, 4]);
    const read = async () => Float32Array.of(0.1);
    const weight = graph.tensor({ name: 'weight', elementType: 'float32', shape: [1, 1, 1, 1], read });
    const out = relu(graph, 'relu', conv(graph, 'conv', image, { weight }, { kernel: [1, 1] }));
    graph.output(out, 'float32', [1, 1, 4, 4]);
    const half = inHalfPrecision(graph.build(), 0, () => 0);
    expect(half.nodes.map(({ operator }) => operator)).toEqual(['Cast', 'Cast', 'Conv', 'Cast', 'Cast', 'Relu']);
    expect(half.nodes.at(-1)?.inputs).toEqual(['conv']);
    expect(await half.tensors[0]?.read()).toEqual(Float32Array.of(0.0999755859375));
  });
});
