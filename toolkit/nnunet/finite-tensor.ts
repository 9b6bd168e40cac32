import { ReigniteError } from '../errors.ts';
import type { GraphBuilder, Value } from '../onnx/graph-builder.ts';

/**
 * Adds weights of a checkpoint to a graph. One that is not finite would turn every pixel it reaches into the first class,
 * without a word: reading it is an error.
 *
 * @param source - The checkpoint, for messages.
 * @throws ReigniteError CHECKPOINT_CORRUPT, when the model is written.
 */
export function finiteTensor(
  graph: GraphBuilder,
  name: string,
  shape: readonly number[],
  source: string,
  read: () => Promise<Float32Array>,
): Value {
  return graph.tensor({ name, elementType: 'float32', shape, read: async () => finite(name, source, await read()) });
}

function finite(name: string, source: string, values: Float32Array): Float32Array {
  for (const value of values) {
    if (Number.isFinite(value)) continue;
    const cause = `${source}: the parameter ${name} holds values that are not finite.`;
    throw new ReigniteError('CHECKPOINT_CORRUPT', cause);
  }
  return values;
}
