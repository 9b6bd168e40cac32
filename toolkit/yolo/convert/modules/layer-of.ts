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
import { bottleneck, bottleneckCsp, c3, focus, joined, maxPoolModule, sequential, spp, sppf } from './blocks.ts';
import { conv2dModule, convModule } from './convolution.ts';
import { transformerBlock } from './transformer.ts';
import { aBlock, areaAttention, attention, psa, psaBlock } from './ultralytics/attention.ts';
import {
  cbFuse,
  cbLinear,
  cib,
  convTranspose2d,
  ghostBottleneck,
  ghostConv,
  repConv,
  repVggDw,
  scDown,
  ultralyticsSppf,
} from './ultralytics/residual-blocks.ts';
import { a2c2f, aConv, aDown, c1, c2, c2f, c2psa, c3f, elan, sppElan, zeroPad } from './ultralytics/split-blocks.ts';

/** `models.common.Concat` along the channels. */
function concatModule(layers: Layers, module: ModuleNode, inputs: readonly Feature[]): Feature {
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
  // In C3x: convolutions of 1 x 3 and 3 x 1 where a bottleneck has 1 x 1 and 3 x 3.
  ['models.common.CrossConv', bottleneck],
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

const PACKAGE = /^ultralytics\.nn\.modules\.(?:\w+\.)?(\w+)$/;

/** Modules of Ultralytics 8 by class name. Their file differs between releases. */
const ULTRALYTICS_BUILDERS: ReadonlyMap<string, LayerBuilder> = new Map<string, LayerBuilder>([
  ['A2C2f', a2c2f],
  ['AAttn', areaAttention],
  ['ABlock', aBlock],
  ['AConv', aConv],
  ['ADown', aDown],
  ['Attention', attention],
  ['Bottleneck', bottleneck],
  ['BottleneckCSP', bottleneckCsp],
  ['C1', c1],
  ['C2', c2],
  ['C2PSA', c2psa],
  ['C2f', c2f],
  ['C2fCIB', c2f],
  ['C2fPSA', c2f],
  ['C3', c3],
  ['C3Ghost', c3],
  ['C3TR', c3],
  ['C3f', c3f],
  ['C3k', c3],
  ['C3k2', c2f],
  ['C3x', c3],
  ['CBFuse', cbFuse],
  ['CBLinear', cbLinear],
  ['CIB', cib],
  ['Concat', concatModule],
  ['Conv', convModule],
  ['DWConv', convModule],
  ['ELAN1', elan],
  ['Focus', focus],
  ['GhostBottleneck', ghostBottleneck],
  ['GhostConv', ghostConv],
  ['PSA', psa],
  ['PSABlock', psaBlock],
  ['RepBottleneck', bottleneck],
  ['RepCSP', c3],
  ['RepConv', repConv],
  ['RepNCSPELAN4', elan],
  ['RepVGGDW', repVggDw],
  ['SCDown', scDown],
  ['SPP', spp],
  ['SPPELAN', sppElan],
  ['SPPF', ultralyticsSppf],
  ['TransformerBlock', transformerBlock],
]);

/** Returns the builder of an Ultralytics module; undefined for an unknown class. */
function ultralyticsLayer(className: string): LayerBuilder | undefined {
  const [, name] = PACKAGE.exec(className) ?? [];
  return name === undefined ? undefined : ULTRALYTICS_BUILDERS.get(name);
}

/** Returns the name of an Ultralytics class without its file, such as `Detect`; undefined for other packages. */
export function ultralyticsClass(className: string): string | undefined {
  return PACKAGE.exec(className)?.[1];
}
