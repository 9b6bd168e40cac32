import type { Value } from '../../../../onnx/graph/graph.ts';
import { floats, matMul, multiply, reshape, slice, softmax, transpose } from '../../../../onnx/graph/operators.ts';
import { asNumber } from '../../../../pytorch/pickle/access.ts';
import {
  attribute,
  childOf,
  type Feature,
  flag,
  halvesOf,
  IMAGES,
  integerAttribute,
  type Layers,
  onlyInput,
  sameShape,
  summed,
  unsupportedModule,
} from '../../layers.ts';
import type { ModuleNode } from '../../module-tree.ts';
import { joined } from '../blocks.ts';

/** `PSABlock` of YOLO11: attention, then two convolutions, each step added to its input. */
export function psaBlock(layers: Layers, module: ModuleNode, inputs: readonly Feature[]): Feature {
  return attended(layers, module, 'ffn', onlyInput(layers, module, inputs), flag(module, 'add', true));
}

/** `ABlock` of YOLO12: like PSABlock, with attention within areas. */
export function aBlock(layers: Layers, module: ModuleNode, inputs: readonly Feature[]): Feature {
  return attended(layers, module, 'mlp', onlyInput(layers, module, inputs), true);
}

/** `PSA` of YOLOv10: attention on the second half of the channels, concatenated with the first half. */
export function psa(layers: Layers, module: ModuleNode, inputs: readonly Feature[]): Feature {
  const [a, b] = halvesOf(
    layers,
    module,
    layers.build(childOf(layers, module, 'cv1'), [onlyInput(layers, module, inputs)]),
  );
  return layers.build(childOf(layers, module, 'cv2'), [
    joined(layers, module, [a, attended(layers, module, 'ffn', b, true)]),
  ]);
}

function attended(layers: Layers, module: ModuleNode, mixer: string, x: Feature, isAdded: boolean): Feature {
  const attention = layers.build(childOf(layers, module, 'attn'), [x]);
  const first = isAdded ? summed(layers, module, `${module.place}.attended`, x, attention) : attention;
  const second = layers.build(childOf(layers, module, mixer), [first]);
  return isAdded ? summed(layers, module, `${module.place}.mixed`, first, second) : second;
}

/** Queries, keys and values of `heads` heads over areas of pixels; the areas of all images follow one another. */
interface Heads {
  /** [areas, heads, pixels, features] */
  readonly queries: Value;
  /** [areas, heads, features, pixels] */
  readonly keys: Value;
  /** [areas, heads, features, pixels] */
  readonly values: Value;
}

/**
 * `Attention` of YOLOv10 and YOLO11: self-attention over all pixels of the map. A depthwise convolution of the values adds
 * a position encoding.
 */
export function attention(layers: Layers, module: ModuleNode, inputs: readonly Feature[]): Feature {
  const x = onlyInput(layers, module, inputs);
  const { graph } = layers;
  const { place } = module;
  const heads = integerAttribute(module, 'num_heads', 1);
  const keyLength = integerAttribute(module, 'key_dim', 1);
  const length = integerAttribute(module, 'head_dim', 1);
  const mixed = layers.build(childOf(layers, module, 'qkv'), [x]);
  const perHead = 2 * keyLength + length;
  if (mixed.channels !== heads * perHead || heads * length !== x.channels) {
    throw unsupportedModule(layers, module, `has ${heads} heads of ${perHead} features for ${mixed.channels} channels`);
  }
  const pixels = x.height * x.width;
  const split = reshape(graph, `${place}.heads`, mixed.value, [IMAGES, heads, perHead, pixels]);
  const queries = slice(graph, `${place}.queries`, split, 2, 0, keyLength);
  const values = slice(graph, `${place}.values`, split, 2, 2 * keyLength, perHead);
  const result = weighed(layers, module, scaleOf(module, keyLength), {
    queries: transpose(graph, `${place}.queries.last`, queries, [0, 1, 3, 2]),
    keys: slice(graph, `${place}.keys`, split, 2, keyLength, 2 * keyLength),
    values,
  });
  const map = (name: string, value: Value) =>
    sameShape(x, reshape(graph, `${place}.${name}`, value, [IMAGES, x.channels, x.height, x.width]));
  return projected(layers, module, map('map', result), map('values.map', values));
}

/** `AAttn` of YOLO12: attention within each of `area` equal stripes of the map. */
export function areaAttention(layers: Layers, module: ModuleNode, inputs: readonly Feature[]): Feature {
  const x = onlyInput(layers, module, inputs);
  const { graph } = layers;
  const { place } = module;
  const heads = integerAttribute(module, 'num_heads', 1);
  const length = integerAttribute(module, 'head_dim', 1);
  const areas = integerAttribute(module, 'area', 1);
  const channels = heads * length;
  const mixed = layers.build(childOf(layers, module, 'qkv'), [x]);
  const pixels = (x.height * x.width) / areas;
  if (mixed.channels !== 3 * channels || !Number.isInteger(pixels)) {
    throw unsupportedModule(layers, module, `splits ${x.height} x ${x.width} px into ${areas} areas`);
  }
  // From [images, heads x 3 length, areas x pixels] to areas first, those of all images in one axis.
  const stripes = reshape(graph, `${place}.stripes`, mixed.value, [IMAGES, heads, 3 * length, areas, pixels]);
  const areasFirst = transpose(graph, `${place}.areas.first`, stripes, [0, 3, 1, 2, 4]);
  const split = reshape(graph, `${place}.areas`, areasFirst, [-1, heads, 3 * length, pixels]);
  const queries = slice(graph, `${place}.queries`, split, 2, 0, length);
  const values = slice(graph, `${place}.values`, split, 2, 2 * length, 3 * length);
  const result = weighed(layers, module, length ** -0.5, {
    queries: transpose(graph, `${place}.queries.last`, queries, [0, 1, 3, 2]),
    keys: slice(graph, `${place}.keys`, split, 2, length, 2 * length),
    values,
  });
  const map = (name: string, value: Value) => {
    const perImage = reshape(graph, `${place}.${name}.areas`, value, [-1, areas, heads, length, pixels]);
    const together = transpose(graph, `${place}.${name}.together`, perImage, [0, 2, 3, 1, 4]);
    const whole = reshape(graph, `${place}.${name}`, together, [IMAGES, channels, x.height, x.width]);
    return { value: whole, channels, height: x.height, width: x.width };
  };
  return projected(layers, module, map('map', result), map('values.map', values));
}

/** Computes scaled dot-product attention: [areas, heads, features, pixels]. */
function weighed(layers: Layers, { place }: ModuleNode, scale: number, { queries, keys, values }: Heads): Value {
  const { graph } = layers;
  const factor = floats(graph, `${place}.scale`, [1], () => Float32Array.of(scale));
  const products = matMul(graph, `${place}.products`, multiply(graph, `${place}.scaled`, queries, factor), keys);
  const weights = softmax(graph, `${place}.weights`, products, 3);
  return matMul(graph, `${place}.weighed`, values, transpose(graph, `${place}.weights.last`, weights, [0, 1, 3, 2]));
}

function projected(layers: Layers, module: ModuleNode, map: Feature, values: Feature): Feature {
  const places = layers.build(childOf(layers, module, 'pe'), [values]);
  const sum = summed(layers, module, `${module.place}.placed`, map, places);
  return layers.build(childOf(layers, module, 'proj'), [sum]);
}

function scaleOf(module: ModuleNode, keyLength: number): number {
  const located = attribute(module, 'scale');
  return located.value === undefined ? keyLength ** -0.5 : asNumber(located);
}
