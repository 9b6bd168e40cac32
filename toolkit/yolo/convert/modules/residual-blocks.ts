import { foldedBias, foldedWeight } from '../../../onnx/graph/normalisation.ts';
import { add, conv, convTranspose, floats, resizeNearest, silu } from '../../../onnx/graph/operators.ts';
import { asInteger, asItems, asNumberArray, refusal } from '../../../pytorch/pickle/value.ts';
import {
  attribute,
  channelsOf,
  checkedFeature,
  childOf,
  type Feature,
  flag,
  integerAttribute,
  type Layers,
  onlyInput,
  pairAttribute,
  requireAttribute,
  sameShape,
  summed,
  unsupportedModule,
} from '../layers.ts';
import type { ModuleNode } from '../module-tree.ts';
import { joined, pooling } from './blocks.ts';
import { activation, batchNorm } from './convolution.ts';

const MAX_POOLINGS = 64;

/** `SPPF` of Ultralytics: the same max pooling applied `n` times, all stages concatenated. Newer ones may add the input. */
export function ultralyticsSppf(layers: Layers, module: ModuleNode, inputs: readonly Feature[]): Feature {
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

/** `CBLinear` of YOLOv9: a convolution whose channels are split into sections for different later layers. */
export function cbLinear(layers: Layers, module: ModuleNode, inputs: readonly Feature[]): Feature {
  const y = layers.build(childOf(layers, module, 'conv'), [onlyInput(layers, module, inputs)]);
  const located = attribute(module, 'c2s');
  const sections = asNumberArray(located);
  const areSound = sections.every((count) => Number.isInteger(count) && count >= 1);
  if (!areSound || sections.reduce((sum, count) => sum + count, 0) !== y.channels) {
    throw refusal(located, `sections of ${y.channels} channels`);
  }
  return { ...sameShape(y, y.value), sections };
}

/** `CBFuse` of YOLOv9: takes one section of each input, enlarges it to the size of the last input and adds it to that. */
export function cbFuse(layers: Layers, module: ModuleNode, inputs: readonly Feature[]): Feature {
  const last = inputs.at(-1);
  const located = attribute(module, 'idx');
  const chosen = asItems(located).map(asInteger);
  if (last === undefined || chosen.length !== inputs.length - 1) {
    throw refusal(located, `a number for each of ${inputs.length - 1} inputs`);
  }
  let sum = last.value;
  for (const [index, input] of inputs.slice(0, -1).entries()) {
    const section = sectionOf(layers, module, index, input, chosen[index] ?? 0);
    const [down, across] = [last.height / section.height, last.width / section.width];
    if (section.channels !== last.channels || !Number.isInteger(down) || down !== across) {
      throw unsupportedModule(layers, module, 'adds feature maps of different shapes');
    }
    const name = `${module.place}.${index}.enlarged`;
    const value = down === 1 ? section.value : resizeNearest(layers.graph, name, section.value, [down, across]);
    sum = add(layers.graph, `${module.place}.${index}.sum`, sum, value);
  }
  return sameShape(last, sum);
}

function sectionOf(layers: Layers, module: ModuleNode, index: number, x: Feature, section: number): Feature {
  const count = x.sections?.[section];
  if (x.sections === undefined || count === undefined) {
    throw unsupportedModule(layers, module, `takes section ${section} of an input that has ${x.sections?.length ?? 0}`);
  }
  if (x.sections.length === 1) return sameShape(x, x.value);
  const from = x.sections.slice(0, section).reduce((sum, channels) => sum + channels, 0);
  return channelsOf(layers, `${module.place}.${index}.section`, x, from, count);
}

/** `torch.nn.ConvTranspose2d` with a stride equal to its kernel, which YOLOv6 uses for upsampling. */
export function convTranspose2d(layers: Layers, module: ModuleNode, inputs: readonly Feature[]): Feature {
  const x = onlyInput(layers, module, inputs);
  const { graph, usage } = layers;
  const [kernel, stride] = [pairAttribute(module, 'kernel_size', 1), pairAttribute(module, 'stride', 1)];
  const [groups, outputs] = [integerAttribute(module, 'groups', 1), integerAttribute(module, 'out_channels', 1)];
  const others = [pairAttribute(module, 'padding', 0), pairAttribute(module, 'output_padding', 0)].flat();
  const isPlain = others.every((n) => n === 0) && pairAttribute(module, 'dilation', 1).every((n) => n === 1);
  if (groups !== 1 || !isPlain || kernel[0] !== stride[0] || kernel[1] !== stride[1]) {
    throw unsupportedModule(layers, module, 'is an unusual transposed convolution');
  }
  requireAttribute(module, 'padding_mode', 'zeros');
  const { place } = module;
  const shape = [x.channels, outputs, ...kernel];
  const weight = floats(graph, `${place}.weight`, shape, usage.use(module, 'weight', shape).read);
  const bias = usage.has(module, 'bias')
    ? { bias: floats(graph, `${place}.bias`, [outputs], usage.use(module, 'bias', [outputs]).read) }
    : {};
  const value = convTranspose(graph, place, x.value, { weight, ...bias }, { kernel, stride });
  const [height, width] = [x.height * stride[0], x.width * stride[1]];
  return checkedFeature(layers, module, { value, channels: outputs, height, width });
}
