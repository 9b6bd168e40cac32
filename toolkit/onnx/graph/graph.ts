/** Numbers of TensorProto.DataType in onnx.proto. */
export const ELEMENT_TYPES = { float32: 1, uint8: 2, uint16: 4, int32: 6, int64: 7, float16: 10 } as const;
export type ElementType = keyof typeof ELEMENT_TYPES;

/** The arrays that hold elements; of float16 its bits. */
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

/** What a node's attribute can be; the kind is said, so that 1 is never confused with 1.0. */
export type AttributeValue =
  | { readonly kind: 'int'; readonly value: number }
  | { readonly kind: 'ints'; readonly value: readonly number[] }
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'graph'; readonly value: OnnxGraph };

/** A whole number as the value of an attribute. */
export function int(value: number): AttributeValue {
  return { kind: 'int', value };
}

/** Whole numbers as the value of an attribute. */
export function ints(value: readonly number[]): AttributeValue {
  return { kind: 'ints', value };
}

/** A float32 as the value of an attribute. */
export function float(value: number): AttributeValue {
  return { kind: 'float', value };
}

/** A string as the value of an attribute. */
export function text(value: string): AttributeValue {
  return { kind: 'text', value };
}

/** A graph as the value of an attribute. Its nodes may use values of the graph around it; it has no weights of its own. */
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
 * Weights are named and shaped here but read only when the model is written: a graph of 41 million
 * parameters costs a few kB until then.
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

  /** Whether a value of this name is there. */
  has(name: string): boolean {
    return this.#names.has(name);
  }

  /** Declares an input of the graph. @param shape - Every axis, outermost first. */
  input(name: string, elementType: ElementType, shape: readonly number[]): Value {
    this.#claim(name);
    this.#inputs.push({ name, elementType, shape });
    return { name };
  }

  /** Declares that `value` leaves the graph under its own name. */
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
   * @param name - Unique in the graph; the output bears it too.
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

  /** Adds a node with two outputs; the first bears its name. */
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
