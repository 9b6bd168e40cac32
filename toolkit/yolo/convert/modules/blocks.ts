import { add, concat, maxPool } from '../../../onnx/graph/operators.ts';
import { asBoolean } from '../../../pytorch/pickle/value.ts';
import {
  attribute,
  checkedFeature,
  childOf,
  type Feature,
  type Layers,
  lazyFeature,
  onlyInput,
  pairAttribute,
  requireAttribute,
  sameShape,
  unsupportedModule,
} from '../layers.ts';
import type { ModuleNode } from '../module-tree.ts';
import {
  activation,
  batchNorm,
  type Conv2dShape,
  conv2d,
  convBlock,
  convOutputLength,
  type WeightRewrite,
} from './convolution.ts';

/** `models.common.Bottleneck`: two convolutions, added to their input if `add` is set. */
export function bottleneck(layers: Layers, module: ModuleNode, inputs: readonly Feature[]): Feature {
  const x = onlyInput(layers, module, inputs);
  const inner = layers.build(childOf(layers, module, 'cv1'), [x]);
  const y = convBlock(layers, childOf(layers, module, 'cv2'), inner);
  if (!asBoolean(attribute(module, 'add'))) return y;
  if (y.channels !== x.channels || y.height !== x.height || y.width !== x.width) {
    throw unsupportedModule(layers, module, 'adds feature maps of different shapes');
  }
  return sameShape(x, add(layers.graph, `${module.place}.add`, x.value, y.value));
}

/** `models.common.C3`: a chain of bottlenecks in parallel with a convolution, concatenated and mixed by another. */
export function c3(layers: Layers, module: ModuleNode, inputs: readonly Feature[]): Feature {
  const x = onlyInput(layers, module, inputs);
  const first = convBlock(layers, childOf(layers, module, 'cv1'), x);
  const chain = layers.build(childOf(layers, module, 'm'), [first]);
  const parallel = convBlock(layers, childOf(layers, module, 'cv2'), x);
  return convBlock(layers, childOf(layers, module, 'cv3'), joined(layers, module, [chain, parallel]));
}

/**
 * `models.common.BottleneckCSP` of releases up to 3.1: like C3, with one batch normalisation over both branches. Each
 * branch ends in a convolution, into which its part of the normalisation is folded.
 */
export function bottleneckCsp(layers: Layers, module: ModuleNode, inputs: readonly Feature[]): Feature {
  const x = onlyInput(layers, module, inputs);
  const normalisation = batchNorm(layers, childOf(layers, module, 'bn'));
  const first = convBlock(layers, childOf(layers, module, 'cv1'), x);
  const chain = conv2d(layers, childOf(layers, module, 'cv3'), layers.build(childOf(layers, module, 'm'), [first]), {
    normalisation: { ...normalisation, from: 0 },
  });
  const parallel = conv2d(layers, childOf(layers, module, 'cv2'), x, {
    normalisation: { ...normalisation, from: chain.channels },
  });
  const both = joined(layers, module, [chain, parallel]);
  if (both.channels !== normalisation.channels) {
    throw unsupportedModule(layers, module, `normalises ${normalisation.channels} of ${both.channels} channels`);
  }
  const active = activation(layers, childOf(layers, module, 'act'), both);
  return convBlock(layers, childOf(layers, module, 'cv4'), active);
}

/** Runs modules one after the other. */
export function sequential(layers: Layers, module: ModuleNode, inputs: readonly Feature[]): Feature {
  const x = onlyInput(layers, module, inputs);
  return [...module.children.values()].reduce((value, child) => layers.build(child, [value]), x);
}

/** Concatenates feature maps of the same size along the channels. */
export function joined(layers: Layers, module: ModuleNode, features: readonly Feature[]): Feature {
  const [first] = features;
  if (first === undefined) throw unsupportedModule(layers, module, 'joins nothing');
  const { height, width } = first;
  if (features.some((feature) => feature.height !== height || feature.width !== width)) {
    const sizes = features.map((feature) => `${feature.height} x ${feature.width}`).join(', ');
    throw unsupportedModule(layers, module, `joins feature maps of ${sizes} px`);
  }
  const channels = features.reduce((sum, feature) => sum + feature.channels, 0);
  const parts = features.flatMap((feature) => feature.parts ?? [feature]);
  const feature = lazyFeature({ channels, height, width, parts }, () => {
    const values = parts.map((part) => part.value);
    return concat(layers.graph, `${module.place}.concat`, values, 1);
  });
  return checkedFeature(layers, module, feature);
}

const MAX_POOL = 'torch.nn.modules.pooling.MaxPool2d';
const MODULE_LIST = 'torch.nn.modules.container.ModuleList';

/** `models.common.SPP` of releases up to 5.0: the input and several max poolings of it, concatenated. */
export function spp(layers: Layers, module: ModuleNode, inputs: readonly Feature[]): Feature {
  const x = convBlock(layers, childOf(layers, module, 'cv1'), onlyInput(layers, module, inputs));
  const pools = childOf(layers, module, 'm');
  if (pools.className !== MODULE_LIST) throw unsupportedModule(layers, pools, 'is not a known list of modules');
  const pooled = [...pools.children.values()].map((pool) => pooling(layers, pool, pool.place, x));
  return convBlock(layers, childOf(layers, module, 'cv2'), joined(layers, module, [x, ...pooled]));
}

/** `models.common.SPPF`: the same max pooling applied three times, with all stages concatenated. */
export function sppf(layers: Layers, module: ModuleNode, inputs: readonly Feature[]): Feature {
  const x = convBlock(layers, childOf(layers, module, 'cv1'), onlyInput(layers, module, inputs));
  const pool = childOf(layers, module, 'm');
  const once = pooling(layers, pool, `${pool.place}.1`, x);
  const twice = pooling(layers, pool, `${pool.place}.2`, once);
  const thrice = pooling(layers, pool, `${pool.place}.3`, twice);
  return convBlock(layers, childOf(layers, module, 'cv2'), joined(layers, module, [x, once, twice, thrice]));
}

/** `torch.nn.MaxPool2d` as a separate layer. */
export function maxPoolModule(layers: Layers, module: ModuleNode, inputs: readonly Feature[]): Feature {
  return pooling(layers, module, module.place, onlyInput(layers, module, inputs));
}

/** Builds a max pooling. @param name - Name of the node; a pooling may be used several times. */
export function pooling(layers: Layers, module: ModuleNode, name: string, x: Feature): Feature {
  if (module.className !== MAX_POOL) throw unsupportedModule(layers, module, 'is not a known pooling');
  requireAttribute(module, 'ceil_mode', false);
  requireAttribute(module, 'return_indices', false);
  const kernel = pairAttribute(module, 'kernel_size', 1);
  const stride = pairAttribute(module, 'stride', 1);
  const padding = pairAttribute(module, 'padding', 0);
  const dilation = pairAttribute(module, 'dilation', 1);
  if (padding.some((pad, axis) => 2 * pad > (kernel[axis] ?? 0))) {
    throw unsupportedModule(layers, module, 'pads by more than half its kernel');
  }
  return checkedFeature(layers, module, {
    value: maxPool(layers.graph, name, x.value, { kernel, stride, padding, dilation }),
    channels: x.channels,
    height: convOutputLength(x.height, kernel[0], stride[0], padding[0], dilation[0]),
    width: convOutputLength(x.width, kernel[1], stride[1], padding[1], dilation[1]),
  });
}

/** Row and column of the four groups of channels that Focus makes from a 2 x 2 block, in its order. */
const PARTS = [
  [0, 0],
  [1, 0],
  [0, 1],
  [1, 1],
] as const;

/**
 * `models.common.Focus`, the first layer up to release 5.0: every 2 x 2 block of pixels becomes four groups of
 * channels, then a convolution.
 *
 * Built as the equivalent single convolution over the image, with twice the kernel, stride and padding. Release 6.0 made
 * the same change, see https://github.com/ultralytics/yolov5/pull/4825.
 */
export function focus(layers: Layers, module: ModuleNode, inputs: readonly Feature[]): Feature {
  const x = onlyInput(layers, module, inputs);
  if (x.height % 2 !== 0 || x.width % 2 !== 0) {
    throw unsupportedModule(layers, module, `halves an image of ${x.height} x ${x.width} px`);
  }
  return convBlock(layers, childOf(layers, module, 'conv'), x, (shape) => {
    const isPlain = shape.groups === 1 && shape.dilation.every((step) => step === 1);
    if (!isPlain || shape.inputs % PARTS.length !== 0)
      throw unsupportedModule(layers, module, 'has an unusual convolution');
    return overPixels(shape);
  });
}

function overPixels(shape: Conv2dShape): WeightRewrite {
  const { outputs, kernel, stride, padding } = shape;
  const inputs = shape.inputs / PARTS.length;
  const [height, width] = kernel;
  return {
    inputs,
    kernel: [2 * height, 2 * width],
    stride: [2 * stride[0], 2 * stride[1]],
    padding: [2 * padding[0], 2 * padding[1]],
    weight: (weight) => {
      const result = new Float32Array(weight.length);
      let from = 0;
      for (let out = 0; out < outputs; out++) {
        for (const [row, column] of PARTS) {
          for (let channel = 0; channel < inputs; channel++) {
            const plane = (out * inputs + channel) * 4 * height * width;
            for (let y = 0; y < height; y++) {
              for (let x = 0; x < width; x++) {
                result[plane + (2 * y + row) * 2 * width + 2 * x + column] = weight[from++] ?? 0;
              }
            }
          }
        }
      }
      return result;
    },
  };
}
