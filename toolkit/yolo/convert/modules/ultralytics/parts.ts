import type { Value } from '../../../../onnx/graph/graph.ts';
import { add, slice } from '../../../../onnx/graph/operators.ts';
import { asBoolean } from '../../../../pytorch/pickle/access.ts';
import { attribute, type Feature, type Layers, sameShape, unsupportedModule } from '../../layers.ts';
import type { ModuleNode } from '../../module-tree.ts';

/** Slices channels `from` to `from + count` (exclusive) of a feature map. */
export function channelsOf({ graph }: Layers, name: string, x: Feature, from: number, count: number): Feature {
  const value = slice(graph, name, x.value, 1, from, from + count);
  return { value, channels: count, height: x.height, width: x.width };
}

/** Splits the channels of a map into halves. @throws ReigniteError CHECKPOINT_UNSUPPORTED for an odd number of channels. */
export function halvesOf(layers: Layers, module: ModuleNode, x: Feature): readonly [Feature, Feature] {
  if (x.channels % 2 !== 0) throw unsupportedModule(layers, module, `halves ${x.channels} channels`);
  const half = x.channels / 2;
  const first = channelsOf(layers, `${module.place}.first`, x, 0, half);
  return [first, channelsOf(layers, `${module.place}.second`, x, half, half)];
}

/** Returns the second half of the channels of a map. */
export function secondHalfOf(layers: Layers, module: ModuleNode, x: Feature): Feature {
  if (x.channels % 2 !== 0) throw unsupportedModule(layers, module, `halves ${x.channels} channels`);
  return channelsOf(layers, `${module.place}.second`, x, x.channels / 2, x.channels / 2);
}

/** Adds two maps of the same shape. */
export function summed(layers: Layers, module: ModuleNode, name: string, x: Feature, y: Feature): Feature {
  if (y.channels !== x.channels || y.height !== x.height || y.width !== x.width) {
    throw unsupportedModule(layers, module, 'adds feature maps of different shapes');
  }
  const value: Value = add(layers.graph, name, x.value, y.value);
  return sameShape(x, value);
}

/** Reads a boolean attribute that older releases lack. @param absent - Value if it is missing. */
export function flag(module: ModuleNode, name: string, absent: boolean): boolean {
  const located = attribute(module, name);
  return located.value === undefined ? absent : asBoolean(located);
}
