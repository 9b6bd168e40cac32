import { ReigniteError } from '../../errors.ts';
import type { OnnxGraph } from '../../onnx/graph/graph.ts';
import { GraphBuilder } from '../../onnx/graph/graph.ts';
import { resizeNearest } from '../../onnx/graph/operators.ts';
import {
  asInteger,
  asItems,
  asNumber,
  asTuple,
  dictGet,
  isPickleObject,
  type Located,
  refusal,
} from '../../pytorch/pickle/value.ts';
import type { DetectorFormat } from '../detector-card.ts';
import type { DetectorNetwork } from './detector-network.ts';
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
} from './layers.ts';
import type { ModuleNode, TensorUsage } from './module-tree.ts';
import { aBlock, areaAttention, attention, psa, psaBlock, transformerBlock } from './modules/attention.ts';
import {
  bottleneck,
  bottleneckCsp,
  c3,
  focus,
  joined,
  maxPoolModule,
  sequential,
  spp,
  sppf,
} from './modules/blocks.ts';
import { conv2dModule, convModule } from './modules/convolution.ts';
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
} from './modules/residual-blocks.ts';
import { a2c2f, aConv, aDown, c1, c2, c2f, c2psa, c3f, elan, sppElan, zeroPad } from './modules/split-blocks.ts';
import { detectDfl } from './modules/ultralytics-head.ts';
import { BOX_COLUMNS, detect, type Size } from './modules/yolov5-head.ts';

/** Name of the graph's input: float32 [1, 3, size, size], RGB in [0, 1]. */
export const INPUT_NAME = 'images';
const IMAGE_CHANNELS = 3;
const DFL_HEADS: ReadonlySet<string> = new Set(['Detect', 'v10Detect', 'Segment', 'Segment26']);

export interface DetectorGraph {
  readonly graph: OnnxGraph;
  readonly output: string;
  /** Layout of the output, see `DetectorCard.format`. */
  readonly format: DetectorFormat;
  /** Number of boxes that the head outputs for an image. */
  readonly rows: number;
  readonly classes: number;
}

/**
 * Builds the inference graph of a detector, with batch normalisation folded into the convolutions and the head decoded. Its
 * single output has YOLOv5's order of rows, or is as Ultralytics exports it.
 *
 * @param usage - Receives which tensors are used and which inference does not need; closed at the end.
 * @param size - Size of the input in px, multiples of the largest stride.
 * @param oneToMany - For a network with two heads: use the one-to-many head, whose boxes need suppression.
 * @throws ReigniteError USAGE for another size; CHECKPOINT_UNSUPPORTED for an unsupported network, naming the module;
 *   when the weights are read, CHECKPOINT_CORRUPT for values that are not finite.
 */
export function detectorGraph(
  { family, layers: modules, strides }: DetectorNetwork,
  usage: TensorUsage,
  size: Size,
  oneToMany = false,
): DetectorGraph {
  const step = Math.max(...strides);
  for (const side of [size.height, size.width]) {
    if (Number.isInteger(side) && side >= step && side <= 8_192 && side % step === 0) continue;
    throw new ReigniteError(
      'USAGE',
      `A tile of ${side} px does not fit ${usage.file}, which needs multiples of ${step}.`,
      {
        remedy: `Choose a tile size that is a multiple of ${step} px, from ${step} to 8192.`,
      },
    );
  }
  const graph = new GraphBuilder(family === 'yolov5' ? 'yolov5' : 'yolo');
  const layers: Layers = { graph, usage, build: (module, inputs) => layerOf(layers, module, inputs) };
  const image = graph.input(INPUT_NAME, 'float32', [1, IMAGE_CHANNELS, size.height, size.width]);
  const start: Feature = { value: image, channels: IMAGE_CHANNELS, ...size };
  const outputs: Feature[] = [];
  for (const [index, module] of modules.slice(0, -1).entries()) {
    outputs.push(layers.build(module, inputsOf(layers, module, index, outputs, start)));
  }
  const index = modules.length - 1;
  const last = modules[index];
  if (last === undefined) throw new RangeError('Expected a network with layers');
  const inputs = inputsOf(layers, last, index, outputs, start);
  const head = isDfl(last)
    ? detectDfl(layers, last, inputs, { strides, size, oneToMany })
    : anchored(layers, last, inputs, strides, size);
  usage.close();
  graph.output(head.value, 'float32', head.shape);
  const { format, rows, classes } = head;
  return { graph: graph.build(), output: head.value.name, format, rows, classes };
}

/** Returns whether a module is a detection head of Ultralytics. Segmentation heads extend it with masks. */
function isDfl({ className }: ModuleNode): boolean {
  return DFL_HEADS.has(ultralyticsClass(className) ?? '');
}

function anchored(
  layers: Layers,
  module: ModuleNode,
  inputs: readonly Feature[],
  strides: readonly number[],
  size: Size,
) {
  const head = detect(layers, module, inputs, strides, size);
  return { ...head, shape: [1, head.rows, BOX_COLUMNS + head.classes], format: 'yolov5' as const };
}

/** Resolves a layer's attribute `f`: -1 is the previous layer, other numbers are indices, counted backwards if negative. */
function inputsOf(
  layers: Layers,
  module: ModuleNode,
  index: number,
  outputs: readonly Feature[],
  image: Feature,
): readonly Feature[] {
  const place = dictGet(module.attributes, 'i');
  if (asInteger(place) !== index) throw refusal(place, `the layer's number ${index}`);
  const from = dictGet(module.attributes, 'f');
  const sources = isPickleObject(from.value) ? asItems(from) : [from];
  return sources.map((source) => {
    const number = sourceNumber(source, index);
    const feature = number === -1 ? image : outputs[number];
    if (feature === undefined)
      throw unsupportedModule(layers, module, `takes its input from layer ${asInteger(source)}`);
    return feature;
  });
}

/** Returns the index of the layer, -1 for the image, or NaN if there is no such layer. */
function sourceNumber(source: Located, index: number): number {
  const number = asInteger(source);
  if (number === -1) return index - 1;
  const absolute = number < 0 ? index + number : number;
  return absolute < 0 ? Number.NaN : absolute;
}

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
function layerOf(layers: Layers, module: ModuleNode, inputs: readonly Feature[]): Feature {
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
function ultralyticsClass(className: string): string | undefined {
  return PACKAGE.exec(className)?.[1];
}
