import { roundHalfEven } from '../../toolkit/numpy.ts';
import { type GraphNode, type GraphTensor, int, type OnnxGraph } from '../../toolkit/onnx/graph/graph.ts';

/** Values of TensorProto.DataType in onnx.proto. */
const [FLOAT, FLOAT16] = [1, 10];
/** float16 has 11 significant bits, the first of which is not stored, and steps of 2^-24 below 2^-14. */
const [SIGNIFICANT, SMALLEST_EXPONENT] = [11, -14];

/**
 * Emulates CUDA's autocast: inputs, weights and outputs of every convolution are rounded to float16; the sums within a
 * layer and the softmax stay in float32.
 *
 * @param jitter - Moves each weight randomly by up to this many float16 steps before it is rounded: a different order
 *   of sums on another GPU changes values about as much. 0: none.
 */
export function inHalfPrecision(graph: OnnxGraph, jitter: number, random: () => number): OnnxGraph {
  const convolutions = graph.nodes.filter(({ operator }) => operator === 'Conv' || operator === 'ConvTranspose');
  const weights = new Set(convolutions.flatMap(({ inputs }) => inputs.slice(1)));
  return {
    ...graph,
    nodes: graph.nodes.flatMap((node) => (convolutions.includes(node) ? rounded(node) : [node])),
    tensors: graph.tensors.map((tensor) => (weights.has(tensor.name) ? roundedTensor(tensor, jitter, random) : tensor)),
  };
}

/** Returns the convolution between two pairs of casts; its output keeps its name. */
function rounded(node: GraphNode): readonly GraphNode[] {
  const [input = '', ...others] = node.inputs;
  const [output = ''] = node.outputs;
  const names = { input: `${node.name}.half_input`, output: `${node.name}.whole_output` };
  return [
    ...casts(input, names.input),
    { ...node, inputs: [names.input, ...others], outputs: [names.output] },
    ...casts(names.output, output),
  ];
}

function casts(from: string, to: string): readonly GraphNode[] {
  return [cast(`${to}.to_half`, from, `${to}.half`, FLOAT16), cast(`${to}.to_float`, `${to}.half`, to, FLOAT)];
}

function cast(name: string, from: string, to: string, type: number): GraphNode {
  return { name, operator: 'Cast', inputs: [from], outputs: [to], attributes: [{ name: 'to', value: int(type) }] };
}

function roundedTensor(tensor: GraphTensor, jitter: number, random: () => number): GraphTensor {
  return {
    ...tensor,
    read: async () => {
      const values = await tensor.read();
      if (!(values instanceof Float32Array)) return values;
      return values.map((value) => toHalf(value + jitter * (2 * random() - 1) * stepAt(value)));
    },
  };
}

/** Rounds to the nearest float16, ties to even. Without infinity: weights are far below 65,504. */
export function toHalf(value: number): number {
  const step = stepAt(value);
  return roundHalfEven(value / step) * step;
}

function stepAt(value: number): number {
  const exponent = value === 0 ? SMALLEST_EXPONENT : Math.floor(Math.log2(Math.abs(value)));
  return 2 ** (Math.max(exponent, SMALLEST_EXPONENT) - (SIGNIFICANT - 1));
}
