import { ReigniteError } from '../../errors.ts';
import type { GraphBuilder, Value } from '../../onnx/graph/graph.ts';
import { add, type Pair, slice } from '../../onnx/graph/operators.ts';
import {
  asBoolean,
  asInteger,
  asNumber,
  asTuple,
  dictGet,
  isPickleObject,
  type Located,
  refusal,
} from '../../pytorch/pickle/value.ts';
import type { ModuleNode, TensorUsage } from './module-tree.ts';
/**
 * Length of the first axis in a `Reshape`: as many images as its input has. Every graph is built such that it computes the
 * same for each image, whatever their number.
 */
export const IMAGES = 0;

/** A feature map [images, channels, height, width], float32. */
export interface Feature {
  /** Its value in the graph. For concatenated or enlarged maps, the nodes are added when this is first read. */
  readonly value: Value;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  /** The maps of which it is the concatenation along the channels, in order. */
  readonly parts?: readonly Feature[];
  /** The map of half the size of which it is the 2 x 2 nearest-neighbour enlargement. */
  readonly halved?: Feature;
  /** Channels of each section, if several layers use sections of the map (`CBLinear`). */
  readonly sections?: readonly number[];
}

/** Returns a feature map of the same shape with another value. */
export function sameShape({ channels, height, width }: Feature, value: Value): Feature {
  return { value, channels, height, width };
}

/** Builds the nodes lazily, on first access of `value`. */
export function lazyFeature(shape: Omit<Feature, 'value'>, make: () => Value): Feature {
  let made: Value | undefined;
  return {
    ...shape,
    get value() {
      made ??= make();
      return made;
    },
  };
}

/** Context of the layer builders. */
export interface Layers {
  readonly graph: GraphBuilder;
  readonly usage: TensorUsage;
  /** Builds a submodule of any supported class. */
  readonly build: (module: ModuleNode, inputs: readonly Feature[]) => Feature;
}

/** Builds the nodes of one module. @param inputs - Outputs of the layers that the module's attribute `f` names. */
export type LayerBuilder = (layers: Layers, module: ModuleNode, inputs: readonly Feature[]) => Feature;

/** 1 GiB of float32. The largest official network needs less than a tenth of it at 1,280 px. */
const MAX_ELEMENTS = 2 ** 28;

/** Creates the error CHECKPOINT_UNSUPPORTED with the path and class of a module. */
export function unsupportedModule({ usage }: Layers, module: ModuleNode, what: string): ReigniteError {
  const { place, className } = module;
  return new ReigniteError('CHECKPOINT_UNSUPPORTED', `${usage.file}: the module ${place} (${className}) ${what}.`);
}

/** Returns the input of a module that takes exactly one. */
export function onlyInput(layers: Layers, module: ModuleNode, inputs: readonly Feature[]): Feature {
  const [input] = inputs;
  if (input !== undefined && inputs.length === 1) return input;
  throw unsupportedModule(layers, module, `has ${inputs.length} inputs where it takes one`);
}

/** Returns a submodule. @throws ReigniteError CHECKPOINT_UNSUPPORTED if it does not exist. */
export function childOf(layers: Layers, module: ModuleNode, name: string): ModuleNode {
  const child = module.children.get(name);
  if (child === undefined) throw unsupportedModule(layers, module, `has no submodule ${name}`);
  return child;
}

/** Refuses a feature map without pixels, or larger than in any sensible network. */
export function checkedFeature(layers: Layers, module: ModuleNode, feature: Feature): Feature {
  const { channels, height, width } = feature;
  if (channels >= 1 && height >= 1 && width >= 1 && channels * height * width <= MAX_ELEMENTS) return feature;
  throw unsupportedModule(layers, module, `would give ${channels} x ${height} x ${width} values`);
}

/** Far above any real layer attribute, and small enough that products of a few do not overflow. */
const MOST = 65_536;

/** Returns an attribute of a module. */
export function attribute({ attributes }: ModuleNode, name: string): Located {
  return dictGet(attributes, name);
}

/** Reads an integer from `least` to 65,536. */
export function integerAttribute(module: ModuleNode, name: string, least: number): number {
  return boundedInteger(attribute(module, name), least);
}

/** Reads one integer for both axes, or a tuple of height and width, each from `least` to 65,536. */
export function pairAttribute(module: ModuleNode, name: string, least: number): Pair {
  const located = attribute(module, name);
  if (!isPickleObject(located.value)) {
    const both = boundedInteger(located, least);
    return [both, both];
  }
  const [height, width, ...rest] = asTuple(located);
  if (height === undefined || width === undefined || rest.length > 0) throw refusal(located, 'a pair');
  return [boundedInteger(height, least), boundedInteger(width, least)];
}

/** Reads a finite number that is not negative. */
export function nonNegativeAttribute(module: ModuleNode, name: string): number {
  const located = attribute(module, name);
  const number = asNumber(located);
  if (Number.isFinite(number) && number >= 0) return number;
  throw refusal(located, 'a finite number from 0');
}

/** Checks an attribute; absent counts as `None`. @throws ReigniteError CHECKPOINT_UNSUPPORTED for any other value. */
export function requireAttribute(module: ModuleNode, name: string, expected: string | boolean | null): void {
  const located = attribute(module, name);
  if ((located.value ?? null) !== expected) throw refusal(located, String(expected ?? 'None'));
}

function boundedInteger(located: Located, least: number): number {
  const number = asInteger(located);
  if (number < least || number > MOST) throw refusal(located, `a number from ${least} to ${MOST}`);
  return number;
}

/** Marks all tensors of a module and its submodules as unused, because detection does not need them. */
export function setAsideAll(layers: Layers, module: ModuleNode): void {
  layers.usage.setAside(module, ...module.tensors.keys());
  for (const child of module.children.values()) setAsideAll(layers, child);
}

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
