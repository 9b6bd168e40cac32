import type { GraphBuilder, Value } from '../../onnx/graph/graph.ts';
import { floats } from '../../onnx/graph/operators.ts';

/** Adds a constant number. */
export function scalar(graph: GraphBuilder, name: string, value: number): Value {
  return floats(graph, name, [], () => Float32Array.of(value));
}

/** Adds constant indices as 1D int32, which every provider supports. */
export function int32s(graph: GraphBuilder, name: string, values: readonly number[]): Value {
  const read = async () => Int32Array.from(values);
  return graph.tensor({ name, elementType: 'int32', shape: [values.length], read });
}
