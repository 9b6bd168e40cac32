import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sha256OfFile } from '../../../toolkit/files/hash-file.ts';
import { encodeModel, writeModel } from '../../../toolkit/onnx/file/model-file.ts';
import { decodeMessage } from '../../../toolkit/onnx/file/protobuf.ts';
import type { OnnxGraph } from '../../../toolkit/onnx/graph/graph.ts';
import { GraphBuilder, type Value } from '../../../toolkit/onnx/graph/graph.ts';
import { concat, conv, convTranspose, leakyRelu, softmax, transpose } from '../../../toolkit/onnx/graph/operators.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reignite-onnx-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

function weight(graph: GraphBuilder, name: string, shape: readonly number[], values: readonly number[]): Value {
  return graph.tensor({ name, elementType: 'float32', shape, read: async () => Float32Array.from(values) });
}

/** A graph of one node over `x`. */
function graphOf(
  inputShape: readonly number[],
  outputShape: readonly number[],
  node: (graph: GraphBuilder, x: Value) => Value,
): OnnxGraph {
  const graph = new GraphBuilder('test');
  const result = node(graph, graph.input('x', 'float32', inputShape));
  graph.output(result, 'float32', outputShape);
  return graph.build();
}

async function run(graph: OnnxGraph, shape: readonly number[], values: readonly number[]): Promise<readonly number[]> {
  const session = await ort.InferenceSession.create(await encodeModel(graph));
  const results = await session.run({ x: new ort.Tensor('float32', Float32Array.from(values), shape) });
  const output = results[session.outputNames[0] ?? ''];
  return Array.from(output?.data as Float32Array);
}

describe('a written model, in ONNX Runtime', () => {
  it('convolves with stride, padding and bias', async () => {
    const graph = graphOf([1, 1, 2, 4], [1, 1, 1, 2], (g, x) => {
      const weights = {
        weight: weight(g, 'w', [1, 1, 3, 3], [0, 0, 0, 1, 10, 100, 0, 0, 0]),
        bias: weight(g, 'b', [1], [0.5]),
      };
      return conv(g, 'y', x, weights, { kernel: [3, 3], stride: [2, 2], padding: [1, 1] });
    });
    expect(await run(graph, [1, 1, 2, 4], [1, 2, 3, 4, 5, 6, 7, 8])).toEqual([210.5, 432.5]);
  });

  it('spreads a pixel over the window of a transposed convolution', async () => {
    const graph = graphOf([1, 1, 1, 2], [1, 1, 2, 4], (g, x) =>
      convTranspose(
        g,
        'y',
        x,
        { weight: weight(g, 'w', [1, 1, 2, 2], [1, 2, 3, 4]) },
        { kernel: [2, 2], stride: [2, 2] },
      ),
    );
    expect(await run(graph, [1, 1, 1, 2], [1, 10])).toEqual([1, 2, 10, 20, 3, 4, 30, 40]);
  });

  it('applies leaky ReLU, concatenation and transposition', async () => {
    const graph = graphOf([1, 2, 1, 2], [1, 1, 2, 4], (g, x) =>
      transpose(g, 'y', concat(g, 'both', [x, leakyRelu(g, 'leaky', x, 0.5)], 1), [0, 2, 3, 1]),
    );
    expect(await run(graph, [1, 2, 1, 2], [1, -2, 3, -4])).toEqual([1, 3, 1, 3, -2, -4, -1, -2]);
  });

  it('computes the softmax over one axis', async () => {
    const graph = graphOf([1, 2, 2], [1, 2, 2], (g, x) => softmax(g, 'y', x, 2));
    const result = await run(graph, [1, 2, 2], [0, Math.log(3), 5, 5]);
    expect(result.map((p) => Math.round(p * 1e6) / 1e6)).toEqual([0.25, 0.75, 0.5, 0.5]);
  });
});

describe('writeModel', () => {
  function small(values: readonly number[] = [1, 2, -3, 0.1]): OnnxGraph {
    return graphOf([1, 2, 1, 1], [1, 2, 1, 1], (g, x) =>
      conv(g, 'y', x, { weight: weight(g, 'w', [2, 2, 1, 1], values) }, { kernel: [1, 1] }),
    );
  }

  it('writes the result of encodeModel, with its size and digest', async () => {
    const path = join(folder, 'small.onnx');
    const written = await writeModel(path, small());
    const bytes = await readFile(path);
    expect(bytes).toEqual(Buffer.from(await encodeModel(small())));
    expect(written).toEqual({ bytes: bytes.length, sha256: await sha256OfFile(path) });
  });

  it('has IR 8, opset 13, its producer, and the exact bits of the weights', async () => {
    const model = decodeMessage('ModelProto', await encodeModel(small()));
    expect(model).toMatchObject({ irVersion: 8, producerName: 'reignite', opsetImport: [{ domain: '', version: 13 }] });
    expect(model['graph']).toMatchObject({
      name: 'test',
      node: [{ name: 'y', opType: 'Conv', input: ['x', 'w'], output: ['y'] }],
      initializer: [
        { name: 'w', dims: [2, 2, 1, 1], dataType: 1, rawData: Buffer.from(Float32Array.of(1, 2, -3, 0.1).buffer) },
      ],
    });
  });

  it('keeps the old file and no other if the weights do not match their shape', async () => {
    const path = join(folder, 'kept', 'model.onnx');
    await writeModel(path, small());
    const before = await readFile(path);
    await expect(writeModel(path, small([1, 2, 3]))).rejects.toThrow('Expected 4 float32 for w, got 3 float32');
    expect(await readFile(path)).toEqual(before);
    expect(await readdir(join(folder, 'kept'))).toEqual(['model.onnx']);
  });

  it('stops when aborted', async () => {
    const path = join(folder, 'stopped', 'model.onnx');
    await expect(writeModel(path, small(), AbortSignal.abort(new Error('stop')))).rejects.toThrow('stop');
    expect(await readdir(join(folder, 'stopped'))).toEqual([]);
  });
});

describe('GraphBuilder', () => {
  it('rejects a duplicate name', () => {
    const graph = new GraphBuilder('test');
    const x = graph.input('x', 'float32', [1]);
    expect(() => leakyRelu(graph, 'x', x, 0.01)).toThrow('The graph test has two values named x');
  });
});
