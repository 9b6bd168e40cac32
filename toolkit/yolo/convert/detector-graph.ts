import { ReigniteError } from '../../errors.ts';
import type { OnnxGraph } from '../../onnx/graph/graph.ts';
import { GraphBuilder } from '../../onnx/graph/graph.ts';
import { asInteger, asItems, dictGet, type Located, refusal } from '../../pytorch/pickle/access.ts';
import { isPickleObject } from '../../pytorch/pickle/value.ts';
import type { DetectorFormat } from '../detector-card.ts';
import type { DetectorNetwork } from './detector-network.ts';
import { type Feature, type Layers, unsupportedModule } from './layers.ts';
import type { ModuleNode } from './module-tree.ts';
import { BOX_COLUMNS, detect, type Size } from './modules/detect.ts';
import { layerOf, ultralyticsClass } from './modules/layer-of.ts';
import { detectDfl } from './modules/ultralytics/detect-dfl.ts';
import type { TensorUsage } from './tensor-usage.ts';

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
 * single output has YOLOv5's order of rows, or is as Ultralytics exports it. Tensors that inference does not need are
 * marked as unused in the ledger, which is then closed.
 *
 * @param size - Size of the input in px, multiples of the largest stride.
 * @param oneToMany - For a network with two heads: use the one-to-many head, whose boxes need suppression.
 * @throws ReigniteError USAGE for another size; CHECKPOINT_UNSUPPORTED for an unsupported network, naming the module;
 *   when the weights are read, CHECKPOINT_CORRUPT for values that are not finite.
 */
export function detectorGraph(
  { family, layers: modules, strides }: DetectorNetwork,
  ledger: TensorUsage,
  size: Size,
  oneToMany = false,
): DetectorGraph {
  const step = Math.max(...strides);
  for (const side of [size.height, size.width]) {
    if (Number.isInteger(side) && side >= step && side <= 8_192 && side % step === 0) continue;
    throw new ReigniteError(
      'USAGE',
      `A tile of ${side} px does not fit ${ledger.file}, which needs multiples of ${step}.`,
      {
        remedy: `Choose a tile size that is a multiple of ${step} px, from ${step} to 8192.`,
      },
    );
  }
  const graph = new GraphBuilder(family === 'yolov5' ? 'yolov5' : 'yolo');
  const layers: Layers = { graph, ledger, build: (module, inputs) => layerOf(layers, module, inputs) };
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
  ledger.close();
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
