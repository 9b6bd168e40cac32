import { resizeNearest } from '../../../onnx/graph/operators.ts';
import { asInteger, asNumber, asTuple, refusal } from '../../../pytorch/pickle/access.ts';
import { isPickleObject } from '../../../pytorch/pickle/value.ts';
import {
  attribute,
  checkedFeature,
  type Feature,
  type LayerBuilder,
  type Layers,
  lazyFeature,
  onlyInput,
  requireAttribute,
  unsupportedModule,
} from '../layers.ts';
import type { ModuleNode } from '../module-tree.ts';
import { bottleneck, bottleneckCsp, c3, joined, sequential } from './blocks.ts';
import { convModule } from './convolution.ts';
import { focus } from './focus.ts';
import { spp, sppf } from './pooling.ts';

/** `models.common.Concat` along the channels. */
function concatModule(layers: Layers, module: ModuleNode, inputs: readonly Feature[]): Feature {
  const axis = attribute(module, 'd');
  if (asInteger(axis) !== 1) throw refusal(axis, 'the axis 1 of the channels');
  return joined(layers, module, inputs);
}

/** `torch.nn.Upsample` to the nearest neighbour by 2. */
function upsample(layers: Layers, module: ModuleNode, inputs: readonly Feature[]): Feature {
  const x = onlyInput(layers, module, inputs);
  requireAttribute(module, 'mode', 'nearest');
  requireAttribute(module, 'size', null);
  const factor = attribute(module, 'scale_factor');
  const factors = isPickleObject(factor.value) ? asTuple(factor) : [factor];
  if (!factors.every((each) => asNumber(each) === 2)) throw refusal(factor, 'a factor of 2');
  const shape = { channels: x.channels, height: 2 * x.height, width: 2 * x.width, halved: x };
  const feature = lazyFeature(shape, () => resizeNearest(layers.graph, module.place, x.value, [2, 2]));
  return checkedFeature(layers, module, feature);
}

/** What the official networks of releases 3.0 to 7.0 are made of, besides the head. */
const BUILDERS: ReadonlyMap<string, LayerBuilder> = new Map<string, LayerBuilder>([
  ['models.common.Conv', convModule],
  ['models.common.DWConv', convModule],
  ['models.common.Focus', focus],
  ['models.common.Bottleneck', bottleneck],
  ['models.common.BottleneckCSP', bottleneckCsp],
  ['models.common.C3', c3],
  ['models.common.SPP', spp],
  ['models.common.SPPF', sppf],
  ['models.common.Concat', concatModule],
  ['torch.nn.modules.upsampling.Upsample', upsample],
  ['torch.nn.modules.container.Sequential', sequential],
  ['torch.nn.modules.linear.Identity', onlyInput],
]);

/**
 * Adds the nodes of a module, and of those within it, to the graph.
 *
 * @throws ReigniteError CHECKPOINT_UNSUPPORTED naming class and place of a module that is not known.
 */
export function layerOf(layers: Layers, module: ModuleNode, inputs: readonly Feature[]): Feature {
  const build = BUILDERS.get(module.className);
  if (build === undefined) throw unsupportedModule(layers, module, 'has an unsupported class');
  return build(layers, module, inputs);
}
