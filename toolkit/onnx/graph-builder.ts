import type { AttributeValue, ElementType, GraphNode, GraphTensor, OnnxGraph, ValueInfo } from './graph.ts';

/** A value that flows along an edge of the graph. Made by the builder only. */
export interface Value {
  readonly name: string;
}

/**
 * Collects the nodes and weights of a graph in the order of execution.
 *
 * Weights are named and shaped here but read only when the model is written: a graph of 41 million
 * parameters costs a few kB until then.
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
