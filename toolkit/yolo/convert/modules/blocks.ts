import { add, concat } from '../../../onnx/graph/operators.ts';
import { asBoolean } from '../../../pytorch/pickle/access.ts';
import {
  attribute,
  checkedFeature,
  childOf,
  type Feature,
  type Layers,
  lazyFeature,
  onlyInput,
  sameShape,
  unsupportedModule,
} from '../layers.ts';
import type { ModuleNode } from '../module-tree.ts';
import { activation, batchNorm, conv2d, convBlock } from './convolution.ts';

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
