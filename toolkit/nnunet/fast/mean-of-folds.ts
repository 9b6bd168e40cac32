import { int, type OnnxGraph, type Value } from '../../onnx/graph/graph.ts';
import { add, multiply } from '../../onnx/graph/operators.ts';
import type { Precision } from '../../onnx/session/engine-choice.ts';
import { int32s, scalar } from './constants.ts';
import { addFold, type NestedBuilders } from './fold-nodes.ts';

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
