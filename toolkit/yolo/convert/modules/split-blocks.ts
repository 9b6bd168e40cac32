import { elementCount, type GraphBuilder, ints, type Value } from '../../../onnx/graph/graph.ts';
import { concat, floats, integers, multiply, slice } from '../../../onnx/graph/operators.ts';
import { asInteger, asTuple, refusal } from '../../../pytorch/pickle/value.ts';
import {
  attribute,
  checkedFeature,
  childOf,
  type Feature,
  halvesOf,
  type Layers,
  onlyInput,
  sameShape,
  secondHalfOf,
  summed,
} from '../layers.ts';
import type { ModuleNode } from '../module-tree.ts';
import { joined } from './blocks.ts';
import { convOutputLength } from './convolution.ts';

const MAX_PADDING = 1_024;

/**
 * `C2f` and its variants (`C3k2`, `C2fCIB`, `C2fPSA`): a convolution, then a chain of blocks on the second half of its
 * channels. The convolution and the outputs of all blocks are concatenated and mixed by another convolution.
 */
export function c2f(layers: Layers, module: ModuleNode, inputs: readonly Feature[]): Feature {
  const first = layers.build(childOf(layers, module, 'cv1'), [onlyInput(layers, module, inputs)]);
  const blocks = [...childOf(layers, module, 'm').children.values()];
  return mixed(layers, module, 'cv2', first, blocks);
}

/** `RepNCSPELAN4` and `ELAN1` of YOLOv9: like C2f with two blocks of other kinds. */
export function elan(layers: Layers, module: ModuleNode, inputs: readonly Feature[]): Feature {
  const first = layers.build(childOf(layers, module, 'cv1'), [onlyInput(layers, module, inputs)]);
  return mixed(layers, module, 'cv4', first, [childOf(layers, module, 'cv2'), childOf(layers, module, 'cv3')]);
}

function mixed(
  layers: Layers,
  module: ModuleNode,
  last: string,
  first: Feature,
  blocks: readonly ModuleNode[],
): Feature {
  const parts = [first];
  let next = secondHalfOf(layers, module, first);
  for (const block of blocks) {
    next = layers.build(block, [next]);
    parts.push(next);
  }
  return layers.build(childOf(layers, module, last), [joined(layers, module, parts)]);
}

/** `C2`: a chain of blocks on the first half of the channels, concatenated with the other half. */
export function c2(layers: Layers, module: ModuleNode, inputs: readonly Feature[]): Feature {
  const [a, b] = halvesOf(
    layers,
    module,
    layers.build(childOf(layers, module, 'cv1'), [onlyInput(layers, module, inputs)]),
  );
  const chain = layers.build(childOf(layers, module, 'm'), [a]);
  return layers.build(childOf(layers, module, 'cv2'), [joined(layers, module, [chain, b])]);
}

/** `C2PSA`: like {@link c2}, with the blocks on the second half. */
export function c2psa(layers: Layers, module: ModuleNode, inputs: readonly Feature[]): Feature {
  const [a, b] = halvesOf(
    layers,
    module,
    layers.build(childOf(layers, module, 'cv1'), [onlyInput(layers, module, inputs)]),
  );
  const chain = layers.build(childOf(layers, module, 'm'), [b]);
  return layers.build(childOf(layers, module, 'cv2'), [joined(layers, module, [a, chain])]);
}

/** `C1`: a convolution, plus a chain of convolutions of its result. */
export function c1(layers: Layers, module: ModuleNode, inputs: readonly Feature[]): Feature {
  const first = layers.build(childOf(layers, module, 'cv1'), [onlyInput(layers, module, inputs)]);
  const chain = layers.build(childOf(layers, module, 'm'), [first]);
  return summed(layers, module, `${module.place}.add`, chain, first);
}

/** `C3f`: like C2f, with a separate convolution for the part that bypasses the blocks. */
export function c3f(layers: Layers, module: ModuleNode, inputs: readonly Feature[]): Feature {
  const x = onlyInput(layers, module, inputs);
  const parts = [layers.build(childOf(layers, module, 'cv2'), [x]), layers.build(childOf(layers, module, 'cv1'), [x])];
  let next = parts[1] ?? x;
  for (const block of childOf(layers, module, 'm').children.values()) {
    next = layers.build(block, [next]);
    parts.push(next);
  }
  return layers.build(childOf(layers, module, 'cv3'), [joined(layers, module, parts)]);
}

/** `A2C2f` of YOLO12: like C2f without the split. With `gamma`, the result is scaled and added to the input. */
export function a2c2f(layers: Layers, module: ModuleNode, inputs: readonly Feature[]): Feature {
  const x = onlyInput(layers, module, inputs);
  const parts = [layers.build(childOf(layers, module, 'cv1'), [x])];
  for (const block of childOf(layers, module, 'm').children.values()) {
    parts.push(layers.build(block, [parts.at(-1) ?? x]));
  }
  const y = layers.build(childOf(layers, module, 'cv2'), [joined(layers, module, parts)]);
  if (!layers.usage.has(module, 'gamma')) return y;
  const { graph } = layers;
  const gamma = layers.usage.use(module, 'gamma', [y.channels]);
  const scale = floats(graph, `${module.place}.gamma`, [1, y.channels, 1, 1], gamma.read);
  const scaled = sameShape(y, multiply(graph, `${module.place}.scaled`, scale, y.value));
  return summed(layers, module, `${module.place}.add`, x, scaled);
}

/** `SPPELAN` of YOLOv9: a convolution and three successive max poolings of it, concatenated. */
export function sppElan(layers: Layers, module: ModuleNode, inputs: readonly Feature[]): Feature {
  const parts = [layers.build(childOf(layers, module, 'cv1'), [onlyInput(layers, module, inputs)])];
  for (const name of ['cv2', 'cv3', 'cv4']) {
    const last = parts.at(-1);
    if (last !== undefined) parts.push(layers.build(childOf(layers, module, name), [last]));
  }
  return layers.build(childOf(layers, module, 'cv5'), [joined(layers, module, parts)]);
}

/** `AConv` of YOLOv9: 2 x 2 average pooling, then a convolution. */
export function aConv(layers: Layers, module: ModuleNode, inputs: readonly Feature[]): Feature {
  const means = meansOfSquares(layers, module, onlyInput(layers, module, inputs));
  return layers.build(childOf(layers, module, 'cv1'), [means]);
}

/**
 * `ADown` of YOLOv9: 2 x 2 average pooling, then a convolution of one half of the channels, and max pooling and a
 * convolution of the other half.
 */
export function aDown(layers: Layers, module: ModuleNode, inputs: readonly Feature[]): Feature {
  const [a, b] = halvesOf(layers, module, meansOfSquares(layers, module, onlyInput(layers, module, inputs)));
  const first = layers.build(childOf(layers, module, 'cv1'), [a]);
  const pooled = layers.graph.node(`${module.place}.max`, 'MaxPool', [b.value], {
    kernel_shape: ints([3, 3]),
    strides: ints([2, 2]),
    pads: ints([1, 1, 1, 1]),
  });
  const maxima = {
    value: pooled,
    channels: b.channels,
    height: convOutputLength(b.height, 3, 2, 1, 1),
    width: convOutputLength(b.width, 3, 2, 1, 1),
  };
  const second = layers.build(childOf(layers, module, 'cv2'), [checkedFeature(layers, module, maxima)]);
  return joined(layers, module, [first, second]);
}

/** Average pooling over 2 x 2 px with stride 1. */
function meansOfSquares(layers: Layers, module: ModuleNode, x: Feature): Feature {
  const value = layers.graph.node(`${module.place}.means`, 'AveragePool', [x.value], {
    kernel_shape: ints([2, 2]),
  });
  return checkedFeature(layers, module, { value, channels: x.channels, height: x.height - 1, width: x.width - 1 });
}

/**
 * `torch.nn.ZeroPad2d`, built by concatenating zeros. ONNX Runtime would fuse a `Pad` into the `MaxPool` after it, whose
 * padding is minus infinity, so that a zero at the border would not win over negative values.
 */
export function zeroPad(layers: Layers, module: ModuleNode, inputs: readonly Feature[]): Feature {
  const x = onlyInput(layers, module, inputs);
  const padding = attribute(module, 'padding');
  const [left = 0, right = 0, top = 0, bottom = 0] = asTuple(padding).map(asInteger);
  if ([left, right, top, bottom].some((side) => side < 0 || side > MAX_PADDING)) {
    throw refusal(padding, `0 to ${MAX_PADDING} px for each side`);
  }
  const { channels } = x;
  const [height, width] = [x.height + top + bottom, x.width + left + right];
  checkedFeature(layers, module, { value: x.value, channels, height, width });
  const rows = bordered(layers, module, 'rows', x.value, 2, [
    [channels, top, x.width],
    [channels, bottom, x.width],
  ]);
  const value = bordered(layers, module, 'columns', rows, 3, [
    [channels, height, left],
    [channels, height, right],
  ]);
  return { value, channels, height, width };
}

/** Concatenates zeros before and after a map along an axis. Empty blocks are left out. */
function bordered(
  { graph }: Layers,
  { place }: ModuleNode,
  name: string,
  x: Value,
  axis: number,
  shapes: readonly [readonly number[], readonly number[]],
): Value {
  const [before, behind] = shapes.map((shape, index) =>
    elementCount(shape) === 0 ? [] : [zeros(graph, `${place}.${name}.${index}`, shape, x)],
  );
  const parts = [...(before ?? []), x, ...(behind ?? [])];
  return parts.length === 1 ? x : concat(graph, `${place}.${name}`, parts, axis);
}

/** Zeros of a shape for every image of a map: [images, ...shape]. */
function zeros(graph: GraphBuilder, name: string, shape: readonly number[], of: Value): Value {
  const one = floats(graph, `${name}.one`, [1, ...shape], () => new Float32Array(elementCount(shape)));
  const images = slice(graph, `${name}.images`, graph.node(`${name}.of`, 'Shape', [of]), 0, 0, 1);
  const times = integers(graph, `${name}.once`, [1, 1, 1]);
  return graph.node(name, 'Expand', [one, concat(graph, `${name}.times`, [images, times], 0)]);
}
