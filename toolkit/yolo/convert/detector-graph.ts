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
import { layerOf } from './modules/layer-of.ts';
import { detectDfl } from './modules/ultralytics/detect-dfl.ts';
import { ultralyticsClass } from './modules/ultralytics/layer-table.ts';
import type { TensorUsage } from './tensor-usage.ts';

/** Name of the graph's input: float32 [1, 3, size, size], RGB in [0, 1]. */
export const INPUT_NAME = 'images';
const IMAGE_CHANNELS = 3;
const DFL_HEADS: ReadonlySet<string> = new Set(['Detect', 'v10Detect', 'Segment', 'Segment26']);

export interface DetectorGraph {
  readonly graph: OnnxGraph;
  readonly output: string;
  /** How the output is to be read: see `DetectorCard.format`. */
  readonly format: DetectorFormat;
  /** Boxes that the head gives for an image, before any is dropped. */
  readonly rows: number;
  readonly classes: number;
}

/**
 * Builds the inference graph of a detector: batch normalisation folded into the convolutions, the head decoded,
 * one output, in YOLOv5's order of rows or as Ultralytics exports it. What inference does not need is set aside in the ledger, which is closed.
 *
 * @param size - Of the input in px, multiples of the largest stride.
 * @param oneToMany - Of two heads, the one whose boxes are to be suppressed.
 * @throws ReigniteError USAGE for another size; CHECKPOINT_UNSUPPORTED for a network that is not understood, naming
 *   the module; on reading the weights, CHECKPOINT_CORRUPT for one that is not finite.
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

/** Heads of Ultralytics; those for masks are heads for boxes with more behind. */
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

/** What a layer's attribute `f` names: the layer before it (-1), or others by number, counted back if negative. */
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

/** Number of the layer, -1 for the image; any other number names no layer. */
function sourceNumber(source: Located, index: number): number {
  const number = asInteger(source);
  if (number === -1) return index - 1;
  const absolute = number < 0 ? index + number : number;
  return absolute < 0 ? Number.NaN : absolute;
}
