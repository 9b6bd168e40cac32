import {
  type GraphBuilder,
  type GraphNode,
  type GraphTensor,
  int,
  type OnnxGraph,
  type Value,
} from '../../onnx/graph/graph.ts';
import { add, floats, multiply } from '../../onnx/graph/operators.ts';
import type { Precision } from '../../onnx/session/engine-choice.ts';
import { toHalves } from '../../pytorch/tensors/tensor.ts';

/** A graph and a subgraph in it, whose nodes may use the values of the graph. */
export interface NestedBuilders {
  /** Receives the weights. */
  readonly outer: GraphBuilder;
  /** Receives the nodes. */
  readonly body: GraphBuilder;
}

/** Operators that sum over many pixels or compute exponentials. They stay in float32. */
const FULL_PRECISION = new Set(['InstanceNormalization', 'BatchNormalization', 'Softmax', 'Sigmoid']);

/** ONNX numbers of the element types that nodes are cast to. */
const CAST_TO = { float32: 1, float16: 10 } as const;

/** Axes of [tiles, channels, height, width] and of [tiles, height, width, outputs] along which tiles are mirrored. */
const IMAGE_AXES = [2, 3] as const;
const OUTPUT_AXES = [1, 2] as const;

export interface EnsembleNodes {
  readonly folds: readonly OnnxGraph[];
  /** px */
  readonly patch: readonly [number, number];
  /** Axes of each way to mirror a tile, the first without any; see `mirrorings`. */
  readonly mirrorings: readonly (readonly number[])[];
  readonly precision: Precision;
}

/**
 * Adds the networks of all folds, for each way to mirror a tile, and the mean of their outputs.
 *
 * @param image - [tiles, channels, height, width] float32.
 * @returns [tiles, height, width, outputs] float32.
 */
export function meanOfFolds(
  builders: NestedBuilders,
  { folds, patch, mirrorings, precision }: EnsembleNodes,
  image: Value,
): Value {
  const { outer, body } = builders;
  let total: Value | undefined;
  for (const [way, axes] of mirrorings.entries()) {
    const mirrored = mirror(builders, `way${way}.in`, image, patch, axes, IMAGE_AXES);
    let sum: Value | undefined;
    for (const [index, fold] of folds.entries()) {
      const names = { prefix: `way${way}.fold${index}.`, weights: `fold${index}.` };
      const output = addFold(builders, fold, mirrored, names, precision);
      sum = sum === undefined ? output : add(body, `way${way}.sum${index}`, sum, output);
    }
    if (sum === undefined) throw new RangeError('Expected at least one fold');
    const back = mirror(builders, `way${way}.out`, sum, patch, axes, OUTPUT_AXES);
    total = total === undefined ? back : add(body, `way${way}.total`, total, back);
  }
  if (total === undefined) throw new RangeError('Expected at least one way to see a tile');
  const share = scalar(outer, 'mean.share', 1 / (folds.length * mirrorings.length));
  return multiply(body, 'mean', total, share);
}

/** Reverses a value along axes of the tile: 0 for rows, 1 for columns. */
function mirror(
  { outer, body }: NestedBuilders,
  name: string,
  x: Value,
  patch: readonly [number, number],
  axes: readonly number[],
  places: readonly [number, number],
): Value {
  return axes.reduce((value, axis) => {
    const length = patch[axis] ?? 0;
    const order = `reversed.${length}`;
    const indices = outer.has(order)
      ? { name: order }
      : int32s(
          outer,
          order,
          Array.from({ length }, (_, at) => length - 1 - at),
        );
    return body.node(`${name}.${axis}`, 'Gather', [value, indices], { axis: int(places[axis] ?? 0) });
  }, x);
}

/**
 * Adds the nodes of a fold's network to a graph that runs several tiles at once, under names that begin with `prefix`.
 *
 * @param fold - Converted network: one input, one output, batch size 1. Nothing in a U-Net depends on the batch size.
 * @param image - [tiles, channels, height, width] float32.
 * @param names - Prefix of all names of this copy, and prefix of the names of its weights, which copies share.
 * @returns [tiles, height, width, outputs] float32.
 */
function addFold(
  { outer, body }: NestedBuilders,
  fold: OnnxGraph,
  image: Value,
  names: { readonly prefix: string; readonly weights: string },
  precision: Precision,
): Value {
  return new FoldCopy({ outer, body }, fold, names, precision).add(image);
}

class FoldCopy {
  readonly #builders: NestedBuilders;
  readonly #fold: OnnxGraph;
  readonly #prefix: string;
  readonly #weights: string;
  readonly #precision: Precision;
  readonly #tensors: ReadonlyMap<string, GraphTensor>;
  /** Values by their name in the fold, in each precision in which they were needed. */
  readonly #values = new Map<string, Partial<Record<Precision, Value>>>();

  constructor(
    builders: NestedBuilders,
    fold: OnnxGraph,
    { prefix, weights }: { readonly prefix: string; readonly weights: string },
    precision: Precision,
  ) {
    this.#builders = builders;
    this.#fold = fold;
    this.#prefix = prefix;
    this.#weights = weights;
    this.#precision = precision;
    this.#tensors = new Map(fold.tensors.map((tensor) => [tensor.name, tensor]));
  }

  add(image: Value): Value {
    const [input, output] = [this.#fold.inputs[0]?.name ?? '', this.#fold.outputs[0]?.name ?? ''];
    this.#values.set(input, { float32: image });
    for (const node of this.#fold.nodes) this.#addNode(node);
    return this.#valueOf(output, 'float32');
  }

  #addNode({ name, operator, inputs, outputs, attributes }: GraphNode): void {
    const precision = FULL_PRECISION.has(operator) ? 'float32' : this.#precision;
    const result = this.#builders.body.node(
      `${this.#prefix}${name}`,
      operator,
      inputs.map((input) => this.#valueOf(input, precision)),
      Object.fromEntries(attributes.map((each) => [each.name, each.value])),
    );
    this.#values.set(outputs[0] ?? name, { [precision]: result });
  }

  #valueOf(name: string, precision: Precision): Value {
    if (name === '') return { name: '' };
    const tensor = this.#tensors.get(name);
    if (tensor !== undefined) return this.#weight(tensor, precision);
    const known = this.#values.get(name) ?? {};
    const other = known.float32 ?? known.float16;
    if (other === undefined) throw new RangeError(`The network ${this.#fold.name} uses ${name} before it is computed`);
    const value =
      known[precision] ?? castTo(this.#builders.body, `${this.#prefix}${name}.${precision}`, other, CAST_TO[precision]);
    this.#values.set(name, { ...known, [precision]: value });
    return value;
  }

  #weight(tensor: GraphTensor, precision: Precision): Value {
    const isHalf = precision === 'float16' && tensor.elementType === 'float32';
    const name = `${this.#weights}${tensor.name}${isHalf ? '.float16' : ''}`;
    if (this.#builders.outer.has(name)) return { name };
    if (!isHalf) return this.#builders.outer.tensor({ ...tensor, name });
    return this.#builders.outer.tensor({
      name,
      elementType: 'float16',
      shape: tensor.shape,
      read: async () => halves(await tensor.read()),
    });
  }
}

function halves(values: Awaited<ReturnType<GraphTensor['read']>>): Uint16Array {
  if (values instanceof Float32Array) return toHalves(values);
  throw new TypeError('Expected weights in float32');
}

/** Adds a node that casts a value. */
export function castTo(graph: GraphBuilder, name: string, x: Value, to: number): Value {
  return graph.node(name, 'Cast', [x], { to: int(to) });
}

/** Adds a constant number. */
export function scalar(graph: GraphBuilder, name: string, value: number): Value {
  return floats(graph, name, [], () => Float32Array.of(value));
}

/** Adds constant indices as 1D int32, which every provider supports. */
export function int32s(graph: GraphBuilder, name: string, values: readonly number[]): Value {
  const read = async () => Int32Array.from(values);
  return graph.tensor({ name, elementType: 'int32', shape: [values.length], read });
}
