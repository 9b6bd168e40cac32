/** Numbers of TensorProto.DataType in onnx.proto. */
export const ELEMENT_TYPES = { float32: 1, int64: 7 } as const;
export type ElementType = keyof typeof ELEMENT_TYPES;

/** Bytes of one element. */
export const ELEMENT_BYTES = { float32: 4, int64: 8 } as const satisfies Record<ElementType, number>;

/** Weights of a graph: known by name and shape, read when they are written. */
export interface GraphTensor {
  readonly name: string;
  readonly elementType: ElementType;
  /** Every axis, outermost first; empty for a scalar. */
  readonly shape: readonly number[];
  /** The elements in C order; their number is the product of `shape`. */
  readonly read: () => Promise<Float32Array | BigInt64Array>;
}

/** What a node's attribute can be; the kind is said, so that 1 is never taken for 1.0. */
export type AttributeValue = { int: number } | { ints: readonly number[] } | { float: number } | { string: string };

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
  readonly shape: readonly number[];
}

/** A graph whose nodes are in an order in which they can be run. */
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
