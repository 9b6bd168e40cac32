import { add, convTranspose, floats, resizeNearest } from '../../../../onnx/graph/operators.ts';
import { asInteger, asItems, asNumberArray, refusal } from '../../../../pytorch/pickle/access.ts';
import {
  attribute,
  checkedFeature,
  childOf,
  type Feature,
  integerAttribute,
  type Layers,
  onlyInput,
  pairAttribute,
  requireAttribute,
  sameShape,
  unsupportedModule,
} from '../../layers.ts';
import type { ModuleNode } from '../../module-tree.ts';
import { channelsOf } from './parts.ts';

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
  const { graph, ledger } = layers;
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
  const weight = floats(graph, `${place}.weight`, shape, ledger.use(module, 'weight', shape).read);
  const bias = ledger.has(module, 'bias')
    ? { bias: floats(graph, `${place}.bias`, [outputs], ledger.use(module, 'bias', [outputs]).read) }
    : {};
  const value = convTranspose(graph, place, x.value, { weight, ...bias }, { kernel, stride });
  const [height, width] = [x.height * stride[0], x.width * stride[1]];
  return checkedFeature(layers, module, { value, channels: outputs, height, width });
}
