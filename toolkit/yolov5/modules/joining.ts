import { resizeNearest } from '../../onnx/operators.ts';
import { asInteger, asNumber, asTuple, refusal } from '../../pytorch/access.ts';
import { isPickleObject } from '../../pytorch/value.ts';
import { attribute, requireAttribute } from '../attributes.ts';
import { checkedFeature, type Feature, type Layers, onlyInput, whenRead } from '../layers.ts';
import type { ModuleNode } from '../module-tree.ts';
import { joined } from './blocks.ts';

/** `models.common.Concat` along the channels. */
export function concatModule(layers: Layers, module: ModuleNode, inputs: readonly Feature[]): Feature {
  const axis = attribute(module, 'd');
  if (asInteger(axis) !== 1) throw refusal(axis, 'the axis 1 of the channels');
  return joined(layers, module, inputs);
}

/** `torch.nn.Upsample` to the nearest neighbour by 2. */
export function upsample(layers: Layers, module: ModuleNode, inputs: readonly Feature[]): Feature {
  const x = onlyInput(layers, module, inputs);
  requireAttribute(module, 'mode', 'nearest');
  requireAttribute(module, 'size', null);
  const factor = attribute(module, 'scale_factor');
  const factors = isPickleObject(factor.value) ? asTuple(factor) : [factor];
  if (!factors.every((each) => asNumber(each) === 2)) throw refusal(factor, 'a factor of 2');
  const shape = { channels: x.channels, height: 2 * x.height, width: 2 * x.width, halved: x };
  const feature = whenRead(shape, () => resizeNearest(layers.graph, module.place, x.value, [2, 2]));
  return checkedFeature(layers, module, feature);
}
