import { ReigniteError } from '../../errors.ts';
import type { GraphBuilder, Value } from '../../onnx/graph/graph.ts';
import type { Pair } from '../../onnx/graph/operators.ts';
import { asInteger, asNumber, asTuple, dictGet, type Located, refusal } from '../../pytorch/pickle/access.ts';
import { isPickleObject } from '../../pytorch/pickle/value.ts';
import type { ModuleNode } from './module-tree.ts';
import type { TensorUsage } from './tensor-usage.ts';

/** A feature map [1, channels, height, width], float32. */
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
  readonly ledger: TensorUsage;
  /** Builds a submodule of any supported class. */
  readonly build: (module: ModuleNode, inputs: readonly Feature[]) => Feature;
}

/** Builds the nodes of one module. @param inputs - Outputs of the layers that the module's attribute `f` names. */
export type LayerBuilder = (layers: Layers, module: ModuleNode, inputs: readonly Feature[]) => Feature;

/** 1 GiB of float32. The largest official network needs less than a tenth of it at 1,280 px. */
const MAX_ELEMENTS = 2 ** 28;

/** Creates the error CHECKPOINT_UNSUPPORTED with the path and class of a module. */
export function unsupportedModule({ ledger }: Layers, module: ModuleNode, what: string): ReigniteError {
  const { place, className } = module;
  return new ReigniteError('CHECKPOINT_UNSUPPORTED', `${ledger.file}: the module ${place} (${className}) ${what}.`);
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
export function positiveAttribute(module: ModuleNode, name: string): number {
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
