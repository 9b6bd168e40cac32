import type { GraphNode, OnnxGraph } from './graph.ts';

type Shape = readonly number[];

/**
 * Infers the shapes of a graph's values from its inputs, through the operators of a U-Net. Values after any other
 * operator have none.
 */
export function valueShapes(graph: OnnxGraph): ReadonlyMap<string, Shape> {
  const shapes = new Map<string, Shape>();
  for (const { name, shape } of [...graph.inputs, ...graph.tensors]) shapes.set(name, shape);
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((name) => shapes.get(name));
    const shape = shapeOf(node, inputs);
    const [output] = node.outputs;
    if (shape !== undefined && output !== undefined) shapes.set(output, shape);
  }
  return shapes;
}

/** Returns the integers of a node's attribute, or ONNX's default `absent` if it has no such attribute. */
export function integersOf({ attributes }: GraphNode, name: string, absent: readonly number[]): readonly number[] {
  const value = attributes.find((attribute) => attribute.name === name)?.value;
  if (value === undefined) return absent;
  if (value.kind === 'ints') return value.value;
  return value.kind === 'int' ? [value.value] : absent;
}

function shapeOf(node: GraphNode, [x, ...others]: readonly (Shape | undefined)[]): Shape | undefined {
  if (x === undefined) return undefined;
  if (node.operator === 'LeakyRelu') return x;
  if (node.operator === 'Concat') return joined(x, others, integersOf(node, 'axis', [0])[0] ?? 0);
  const [weight] = others;
  if (weight === undefined || x.length !== 4) return undefined;
  if (node.operator === 'Conv') return emitConv(node, x, weight);
  if (node.operator === 'ConvTranspose') return spread(node, x, weight);
  return undefined;
}

function joined(first: Shape, others: readonly (Shape | undefined)[], axis: number): Shape | undefined {
  let length = first[axis] ?? 0;
  for (const other of others) {
    if (other === undefined) return undefined;
    length += other[axis] ?? 0;
  }
  return first.with(axis, length);
}

function emitConv(node: GraphNode, [n = 0, , ...pixels]: Shape, [outputs = 0, , ...kernel]: Shape): Shape {
  const [strides, dilations] = [integersOf(node, 'strides', [1, 1]), integersOf(node, 'dilations', [1, 1])];
  const pads = integersOf(node, 'pads', [0, 0, 0, 0]);
  const lengths = pixels.map((length, axis) => {
    const reach = (dilations[axis] ?? 1) * ((kernel[axis] ?? 1) - 1) + 1;
    const padded = length + (pads[axis] ?? 0) + (pads[axis + 2] ?? 0);
    return Math.floor((padded - reach) / (strides[axis] ?? 1)) + 1;
  });
  return [n, outputs, ...lengths];
}

/** Infers the shape after a transposed convolution without padding, as in U-Nets. */
function spread(node: GraphNode, [n = 0, , ...pixels]: Shape, [, outputs = 0, ...kernel]: Shape): Shape | undefined {
  if (integersOf(node, 'pads', [0, 0, 0, 0]).some((pad) => pad !== 0)) return undefined;
  const strides = integersOf(node, 'strides', [1, 1]);
  const lengths = pixels.map((length, axis) => (length - 1) * (strides[axis] ?? 1) + (kernel[axis] ?? 1));
  return [n, outputs, ...lengths];
}
