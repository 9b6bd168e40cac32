import { foldedBias, foldedWeight } from '../../../../onnx/graph/fold-batch-norm.ts';
import { conv, floats, silu } from '../../../../onnx/graph/operators.ts';
import {
  attribute,
  childOf,
  type Feature,
  integerAttribute,
  type Layers,
  onlyInput,
  sameShape,
  unsupportedModule,
} from '../../layers.ts';
import type { ModuleNode } from '../../module-tree.ts';
import { joined } from '../blocks.ts';
import { activation, batchNorm } from '../convolution.ts';
import { pooling } from '../pooling.ts';
import { flag, summed } from './parts.ts';

const MAX_POOLINGS = 64;

/** `SPPF` of Ultralytics: the same max pooling applied `n` times, all stages concatenated. Newer ones may add the input. */
export function sppf(layers: Layers, module: ModuleNode, inputs: readonly Feature[]): Feature {
  const x = onlyInput(layers, module, inputs);
  const pool = childOf(layers, module, 'm');
  const count = attribute(module, 'n').value === undefined ? 3 : integerAttribute(module, 'n', 1);
  const stages = [layers.build(childOf(layers, module, 'cv1'), [x])];
  for (let time = 1; time <= Math.min(count, MAX_POOLINGS); time++) {
    stages.push(pooling(layers, pool, `${pool.place}.${time}`, stages.at(-1) ?? x));
  }
  const y = layers.build(childOf(layers, module, 'cv2'), [joined(layers, module, stages)]);
  return flag(module, 'add', false) ? summed(layers, module, `${module.place}.add`, y, x) : y;
}

/** `SCDown` of YOLOv10: two convolutions in sequence. */
export function scDown(layers: Layers, module: ModuleNode, inputs: readonly Feature[]): Feature {
  const first = layers.build(childOf(layers, module, 'cv1'), [onlyInput(layers, module, inputs)]);
  return layers.build(childOf(layers, module, 'cv2'), [first]);
}

/** `CIB` of YOLOv10: a chain of convolutions, added to its input if `add` is set. */
export function cib(layers: Layers, module: ModuleNode, inputs: readonly Feature[]): Feature {
  const x = onlyInput(layers, module, inputs);
  const y = layers.build(childOf(layers, module, 'cv1'), [x]);
  return flag(module, 'add', false) ? summed(layers, module, `${module.place}.add`, x, y) : y;
}

/** `RepConv`: the sum of a 3 x 3 convolution, a 1 x 1 convolution and optionally the normalised input, then an activation. */
export function repConv(layers: Layers, module: ModuleNode, inputs: readonly Feature[]): Feature {
  const x = onlyInput(layers, module, inputs);
  // In a fused network, the sum is a single convolution.
  if (module.children.has('conv')) return activated(layers, module, layers.build(childOf(layers, module, 'conv'), [x]));
  const wide = layers.build(childOf(layers, module, 'conv1'), [x]);
  const narrow = layers.build(childOf(layers, module, 'conv2'), [x]);
  const sum = summed(layers, module, `${module.place}.add`, wide, narrow);
  const bn = module.children.get('bn');
  if (bn === undefined) return activated(layers, module, sum);
  return activated(layers, module, summed(layers, module, `${module.place}.self`, sum, normalised(layers, bn, x)));
}

function activated(layers: Layers, module: ModuleNode, x: Feature): Feature {
  return activation(layers, childOf(layers, module, 'act'), x);
}

/** Builds a batch normalisation without convolution as a depthwise 1 x 1 convolution. */
function normalised(layers: Layers, module: ModuleNode, x: Feature): Feature {
  const { graph } = layers;
  const { channels, read } = batchNorm(layers, module);
  if (channels !== x.channels)
    throw unsupportedModule(layers, module, `normalises ${channels} of ${x.channels} channels`);
  const ones = () => new Float32Array(channels).fill(1);
  const weight = floats(graph, `${module.place}.weight`, [channels, 1, 1, 1], async () =>
    foldedWeight(ones(), channels, await read()),
  );
  const bias = floats(graph, `${module.place}.bias`, [channels], async () =>
    foldedBias(new Float32Array(channels), await read()),
  );
  return sameShape(x, conv(graph, module.place, x.value, { weight, bias }, { kernel: [1, 1], groups: channels }));
}

/** `RepVGGDW` of YOLOv10: the sum of two depthwise convolutions (7 x 7 and 3 x 3), then SiLU. */
export function repVggDw(layers: Layers, module: ModuleNode, inputs: readonly Feature[]): Feature {
  const x = onlyInput(layers, module, inputs);
  const wide = layers.build(childOf(layers, module, 'conv'), [x]);
  const narrow = module.children.get('conv1');
  const sum =
    narrow === undefined ? wide : summed(layers, module, `${module.place}.add`, wide, layers.build(narrow, [x]));
  const act = module.children.get('act');
  return act === undefined ? sameShape(sum, silu(layers.graph, module.place, sum.value)) : activation(layers, act, sum);
}

/** `GhostConv`: a convolution, concatenated with a depthwise convolution of its result. */
export function ghostConv(layers: Layers, module: ModuleNode, inputs: readonly Feature[]): Feature {
  const first = layers.build(childOf(layers, module, 'cv1'), [onlyInput(layers, module, inputs)]);
  return joined(layers, module, [first, layers.build(childOf(layers, module, 'cv2'), [first])]);
}

/** `GhostBottleneck`: a chain and a shortcut, added. */
export function ghostBottleneck(layers: Layers, module: ModuleNode, inputs: readonly Feature[]): Feature {
  const x = onlyInput(layers, module, inputs);
  const y = layers.build(childOf(layers, module, 'conv'), [x]);
  return summed(layers, module, `${module.place}.add`, y, layers.build(childOf(layers, module, 'shortcut'), [x]));
}
