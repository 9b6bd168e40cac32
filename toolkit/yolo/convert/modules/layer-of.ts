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
import { conv2dModule, convModule } from './convolution.ts';
import { focus } from './focus.ts';
import { maxPoolModule, spp, sppf } from './pooling.ts';
import { transformerBlock } from './transformer.ts';
import { convTranspose2d } from './ultralytics/branches.ts';
import { ultralyticsLayer } from './ultralytics/layer-table.ts';
import { ghostBottleneck, ghostConv } from './ultralytics/residual-blocks.ts';
import { zeroPad } from './ultralytics/split-blocks.ts';

/** `models.common.Concat` along the channels. */
export function concatModule(layers: Layers, module: ModuleNode, inputs: readonly Feature[]): Feature {
  const axis = attribute(module, 'd');
  if (asInteger(axis) !== 1) throw refusal(axis, 'the axis 1 of the channels');
  return joined(layers, module, inputs);
}

/** `torch.nn.Upsample` by 2 with nearest-neighbour interpolation. */
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

/** Modules of the official YOLOv5 networks 3.0 to 7.0 except the head, and modules of PyTorch itself. */
const BUILDERS: ReadonlyMap<string, LayerBuilder> = new Map<string, LayerBuilder>([
  ['models.common.Conv', convModule],
  ['models.common.DWConv', convModule],
  ['models.common.Focus', focus],
  ['models.common.Bottleneck', bottleneck],
  ['models.common.BottleneckCSP', bottleneckCsp],
  ['models.common.C3', c3],
  ['models.common.C3x', c3],
  ['models.common.C3TR', c3],
  ['models.common.C3SPP', c3],
  ['models.common.C3Ghost', c3],
  ['models.common.TransformerBlock', transformerBlock],
  ['models.common.GhostConv', ghostConv],
  ['models.common.GhostBottleneck', ghostBottleneck],
  ['models.common.SPP', spp],
  ['models.common.SPPF', sppf],
  ['models.common.Concat', concatModule],
  ['torch.nn.modules.upsampling.Upsample', upsample],
  ['torch.nn.modules.container.Sequential', sequential],
  ['torch.nn.modules.conv.Conv2d', conv2dModule],
  ['torch.nn.modules.conv.ConvTranspose2d', convTranspose2d],
  ['torch.nn.modules.pooling.MaxPool2d', maxPoolModule],
  ['torch.nn.modules.padding.ZeroPad2d', zeroPad],
  ['torch.nn.modules.linear.Identity', onlyInput],
]);

/**
 * Adds the nodes of a module and its submodules to the graph.
 *
 * @throws ReigniteError CHECKPOINT_UNSUPPORTED for an unknown module, naming its class and path.
 */
export function layerOf(layers: Layers, module: ModuleNode, inputs: readonly Feature[]): Feature {
  const build = BUILDERS.get(module.className) ?? ultralyticsLayer(module.className);
  if (build === undefined) throw unsupportedModule(layers, module, 'has an unsupported class');
  return build(layers, module, inputs);
}
