/** Numbers of TensorProto.DataType in onnx.proto. */
export const ELEMENT_TYPES = { float32: 1, uint8: 2, uint16: 4, int32: 6, int64: 7, float16: 10 } as const;
export type ElementType = keyof typeof ELEMENT_TYPES;

/** Typed arrays for the element types; float16 is stored as bits. */
export const ELEMENT_ARRAYS = {
  float32: Float32Array,
  uint8: Uint8Array,
  uint16: Uint16Array,
  int32: Int32Array,
  int64: BigInt64Array,
  float16: Uint16Array,
} as const satisfies Record<ElementType, unknown>;
export type Elements = Float32Array | Uint8Array | Uint16Array | Int32Array | BigInt64Array;

/** An axis whose length is known only when the graph runs. */
export const ANY_LENGTH = -1;

/** Weights of a graph: name and shape; the elements are read on demand. */
export interface GraphTensor {
  readonly name: string;
  readonly elementType: ElementType;
  /** Every axis, outermost first; empty for a scalar. */
  readonly shape: readonly number[];
  /** The elements in C order; their number is the product of `shape`. */
  readonly read: () => Promise<Elements>;
}

/** Value of a node's attribute. It includes the kind, so that 1 is never confused with 1.0. */
export type AttributeValue =
  | { readonly kind: 'int'; readonly value: number }
  | { readonly kind: 'ints'; readonly value: readonly number[] }
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'graph'; readonly value: OnnxGraph };

/** Returns an attribute value that is a whole number. */
export function int(value: number): AttributeValue {
  return { kind: 'int', value };
}

/** Returns an attribute value that is a list of whole numbers. */
export function ints(value: readonly number[]): AttributeValue {
  return { kind: 'ints', value };
}

/** Returns an attribute value that is a float32. */
export function float(value: number): AttributeValue {
  return { kind: 'float', value };
}

/** Returns an attribute value that is a string. */
export function text(value: string): AttributeValue {
  return { kind: 'text', value };
}

/** Returns an attribute value that is a subgraph, which has no weights. Its nodes may use values of the outer graph. */
export function subgraph(value: OnnxGraph): AttributeValue {
  return { kind: 'graph', value };
}

/** One operator of a graph, with the names of its inputs and outputs. */
export interface GraphNode {
  readonly name: string;
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: readonly { readonly name: string; readonly value: AttributeValue }[];
}

export interface ValueInfo {
  readonly name: string;
  readonly elementType: ElementType;
  /** Every axis, outermost first; `ANY_LENGTH` for one that is not fixed. */
  readonly shape: readonly number[];
}

/** A graph with its nodes in an executable order. */
export interface OnnxGraph {
  readonly name: string;
  readonly nodes: readonly GraphNode[];
  readonly tensors: readonly GraphTensor[];
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
}

/** Number of elements of a tensor of this shape. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, axis) => product * axis, 1);
}

/** A value on an edge of the graph. Created by the builder only. */
export interface Value {
  readonly name: string;
}

/**
 * Builds a graph node by node, in the order of execution.
 *
 * Only the names and shapes of weights are stored here; the weights are read when the model is written. Until then, a
 * graph of 41 million parameters takes a few kB.
 *
 * @example
 * const graph = new GraphBuilder('double');
 * const x = graph.input('x', 'float32', [1, 4]);
 * graph.output(graph.node('y', 'Add', [x, x]), 'float32', [1, 4]);
 */
export class GraphBuilder {
  readonly #name: string;
  readonly #nodes: GraphNode[] = [];
  readonly #tensors = new Map<string, GraphTensor>();
  readonly #inputs: ValueInfo[] = [];
  readonly #outputs: ValueInfo[] = [];
  readonly #names = new Set<string>();

  constructor(name: string) {
    this.#name = name;
  }

  /** Returns whether the graph has a value of this name. */
  has(name: string): boolean {
    return this.#names.has(name);
  }

  /** Declares an input of the graph. @param shape - Every axis, outermost first. */
  input(name: string, elementType: ElementType, shape: readonly number[]): Value {
    this.#claim(name);
    this.#inputs.push({ name, elementType, shape });
    return { name };
  }

  /** Declares `value` as an output of the graph, under its own name. */
  output(value: Value, elementType: ElementType, shape: readonly number[]): void {
    this.#outputs.push({ name: value.name, elementType, shape });
  }

  /** Adds weights; `tensor.read` is called once, when the model is written. */
  tensor(tensor: GraphTensor): Value {
    this.#claim(tensor.name);
    this.#tensors.set(tensor.name, tensor);
    return { name: tensor.name };
  }

  /**
   * Adds a node with one output.
   *
   * @param name - Unique in the graph; also the name of the output.
   * @param operator - As in the ONNX operator list, e.g. `Conv`.
   */
  node(
    name: string,
    operator: string,
    inputs: readonly Value[],
    attributes: Readonly<Record<string, AttributeValue>> = {},
  ): Value {
    this.#claim(name);
    this.#nodes.push({
      name,
      operator,
      inputs: inputs.map((input) => input.name),
      outputs: [name],
      attributes: Object.entries(attributes).map(([key, value]) => ({ name: key, value })),
    });
    return { name };
  }

  /** Adds a node with two outputs; the first has the name of the node. */
  twoOutputs(name: string, operator: string, inputs: readonly Value[]): readonly [Value, Value] {
    const second = `${name}.second`;
    this.#claim(name);
    this.#claim(second);
    this.#nodes.push({
      name,
      operator,
      inputs: inputs.map((input) => input.name),
      outputs: [name, second],
      attributes: [],
    });
    return [{ name }, { name: second }];
  }

  build(): OnnxGraph {
    return {
      name: this.#name,
      nodes: [...this.#nodes],
      tensors: [...this.#tensors.values()],
      inputs: [...this.#inputs],
      outputs: [...this.#outputs],
    };
  }

  #claim(name: string): void {
    if (this.#names.has(name)) throw new RangeError(`The graph ${this.#name} has two values named ${name}`);
    this.#names.add(name);
  }
}

/** Adds the operators that replace a node; the last one has the node's name. */
export type NodeWriter = (built: GraphBuilder) => void;

/**
 * Copies a graph with some of its nodes replaced.
 *
 * @param writers - What replaces a node, by the name of the node.
 * @param dropped - Names of weights that the copy does not need.
 * @returns The graph itself if there is nothing to replace.
 */
export function rewriteNodes(
  graph: OnnxGraph,
  writers: ReadonlyMap<string, NodeWriter>,
  dropped: ReadonlySet<string> = new Set(),
): OnnxGraph {
  if (writers.size === 0) return graph;
  const built = new GraphBuilder(graph.name);
  for (const { name, elementType, shape } of graph.inputs) built.input(name, elementType, shape);
  for (const tensor of graph.tensors) if (!dropped.has(tensor.name)) built.tensor(tensor);
  for (const node of graph.nodes) {
    const write = writers.get(node.name);
    if (write === undefined) copyNode(built, node);
    else write(built);
  }
  for (const { name, elementType, shape } of graph.outputs) built.output({ name }, elementType, shape);
  return built.build();
}

function copyNode(built: GraphBuilder, { name, operator, inputs, attributes }: GraphNode): void {
  const values = inputs.map((input) => ({ name: input }));
  built.node(name, operator, values, Object.fromEntries(attributes.map((each) => [each.name, each.value])));
}
