import { ReigniteError } from '../../errors.ts';
import type { GraphBuilder, Value } from '../../onnx/graph/graph.ts';
import type { Pair } from '../../onnx/graph/operators.ts';
import { asInteger, asNumber, asTuple, dictGet, type Located, refusal } from '../../pytorch/pickle/access.ts';
import { isPickleObject } from '../../pytorch/pickle/value.ts';
import type { ModuleNode } from './module-tree.ts';
import type { TensorUsage } from './tensor-usage.ts';

/** A feature map [1, channels, height, width], float32. */
export interface Feature {
  /** Where the graph has it; of a map that is joined or enlarged, the nodes are added when this is first read. */
  readonly value: Value;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  /** The maps that it is joined of along the channels, in their order. */
  readonly parts?: readonly Feature[];
  /** The map of half the size whose every pixel it repeats 2 x 2 times. */
  readonly halved?: Feature;
  /** Channels of its sections, of a map that several layers take parts of (`CBLinear`). */
  readonly sections?: readonly number[];
}

/** A map of the same shape. */
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

/** What the builders of layers share. */
export interface Layers {
  readonly graph: GraphBuilder;
  readonly ledger: TensorUsage;
  /** Builds a submodule of whatever known class. */
  readonly build: (module: ModuleNode, inputs: readonly Feature[]) => Feature;
}

/** Builds the nodes of one module. @param inputs - As many as the wiring names. */
export type LayerBuilder = (layers: Layers, module: ModuleNode, inputs: readonly Feature[]) => Feature;

/** 1 GiB as float32; the largest official network stays below a tenth at 1,280 px. */
const MAX_ELEMENTS = 2 ** 28;

/** CHECKPOINT_UNSUPPORTED that names the module's place and class. */
export function unsupportedModule({ ledger }: Layers, module: ModuleNode, what: string): ReigniteError {
  const { place, className } = module;
  return new ReigniteError('CHECKPOINT_UNSUPPORTED', `${ledger.file}: the module ${place} (${className}) ${what}.`);
}

/** The only input of a module that takes one. */
export function onlyInput(layers: Layers, module: ModuleNode, inputs: readonly Feature[]): Feature {
  const [input] = inputs;
  if (input !== undefined && inputs.length === 1) return input;
  throw unsupportedModule(layers, module, `has ${inputs.length} inputs where it takes one`);
}

/** @throws ReigniteError CHECKPOINT_UNSUPPORTED when there is no submodule of that name. */
export function childOf(layers: Layers, module: ModuleNode, name: string): ModuleNode {
  const child = module.children.get(name);
  if (child === undefined) throw unsupportedModule(layers, module, `has no submodule ${name}`);
  return child;
}

/** Refuses a feature map that has no pixels, or more than any sensible network asks for. */
export function checkedFeature(layers: Layers, module: ModuleNode, feature: Feature): Feature {
  const { channels, height, width } = feature;
  if (channels >= 1 && height >= 1 && width >= 1 && channels * height * width <= MAX_ELEMENTS) return feature;
  throw unsupportedModule(layers, module, `would give ${channels} x ${height} x ${width} values`);
}

/** No attribute of a layer that is read comes near it, and no product of a few overflows. */
const MOST = 65_536;

/** An attribute of a module. */
export function attribute({ attributes }: ModuleNode, name: string): Located {
  return dictGet(attributes, name);
}

/** A whole number from `least` to 65,536. */
export function integerAttribute(module: ModuleNode, name: string, least: number): number {
  return boundedInteger(attribute(module, name), least);
}

/** One number for both axes, or a tuple of height and width; each from `least` to 65,536. */
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

/** A finite number that is not negative. */
export function positiveAttribute(module: ModuleNode, name: string): number {
  const located = attribute(module, name);
  const number = asNumber(located);
  if (Number.isFinite(number) && number >= 0) return number;
  throw refusal(located, 'a finite number from 0');
}

/** @throws ReigniteError CHECKPOINT_UNSUPPORTED unless the attribute has that very value; absent counts as `None`. */
export function requireAttribute(module: ModuleNode, name: string, expected: string | boolean | null): void {
  const located = attribute(module, name);
  if ((located.value ?? null) !== expected) throw refusal(located, String(expected ?? 'None'));
}

function boundedInteger(located: Located, least: number): number {
  const number = asInteger(located);
  if (number < least || number > MOST) throw refusal(located, `a number from ${least} to ${MOST}`);
  return number;
}
