import { ReigniteError } from '../errors.ts';
import type { GraphBuilder, Value } from '../onnx/graph-builder.ts';
import type { ModuleNode } from './module-tree.ts';
import type { TensorLedger } from './tensor-ledger.ts';

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
}

/** A map of the same shape. */
export function sameShape({ channels, height, width }: Feature, value: Value): Feature {
  return { value, channels, height, width };
}

/** Adds nodes only when somebody reads their value. */
export function whenRead(shape: Omit<Feature, 'value'>, make: () => Value): Feature {
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
  readonly ledger: TensorLedger;
  /** Builds a submodule of whatever known class. */
  readonly build: (module: ModuleNode, inputs: readonly Feature[]) => Feature;
}

/** Builds the nodes of one module. @param inputs - As many as the wiring names. */
export type LayerBuilder = (layers: Layers, module: ModuleNode, inputs: readonly Feature[]) => Feature;

/** 1 GiB as float32; the largest official network stays below a tenth at 1,280 px. */
const MOST_ELEMENTS = 2 ** 28;

/** CHECKPOINT_UNSUPPORTED that names the module's place and class. */
export function refuseModule({ ledger }: Layers, module: ModuleNode, what: string): ReigniteError {
  const { place, className } = module;
  return new ReigniteError('CHECKPOINT_UNSUPPORTED', `${ledger.file}: the module ${place} (${className}) ${what}.`);
}

/** The only input of a module that takes one. */
export function onlyInput(layers: Layers, module: ModuleNode, inputs: readonly Feature[]): Feature {
  const [input] = inputs;
  if (input !== undefined && inputs.length === 1) return input;
  throw refuseModule(layers, module, `has ${inputs.length} inputs where it takes one`);
}

/** @throws ReigniteError CHECKPOINT_UNSUPPORTED when there is no submodule of that name. */
export function childOf(layers: Layers, module: ModuleNode, name: string): ModuleNode {
  const child = module.children.get(name);
  if (child === undefined) throw refuseModule(layers, module, `has no submodule ${name}`);
  return child;
}

/** Refuses a feature map that has no pixels, or more than any sensible network asks for. */
export function checkedFeature(layers: Layers, module: ModuleNode, feature: Feature): Feature {
  const { channels, height, width } = feature;
  if (channels >= 1 && height >= 1 && width >= 1 && channels * height * width <= MOST_ELEMENTS) return feature;
  throw refuseModule(layers, module, `would give ${channels} x ${height} x ${width} values`);
}
