import { ReigniteError } from '../../errors.ts';
import type { OnnxGraph } from '../../onnx/graph/graph.ts';
import { GraphBuilder } from '../../onnx/graph/graph.ts';
import { asInteger, asItems, dictGet, type Located, refusal } from '../../pytorch/pickle/access.ts';
import { isPickleObject } from '../../pytorch/pickle/value.ts';
import type { DetectorNetwork } from './detector-network.ts';
import { type Feature, type Layers, unsupportedModule } from './layers.ts';
import type { ModuleNode } from './module-tree.ts';
import { BOX_COLUMNS, detect } from './modules/detect.ts';
import { layerOf } from './modules/layer-of.ts';
import type { TensorUsage } from './tensor-ledger.ts';

/** Name of the graph's input: float32 [1, 3, size, size], RGB in [0, 1]. */
export const INPUT_NAME = 'images';
/** Name of the graph's output: float32 [1, rows, 5 + classes], boxes in px of the input, scores in [0, 1]. */
export const OUTPUT_NAME = 'detections';
const IMAGE_CHANNELS = 3;

export interface DetectorGraph {
  readonly graph: OnnxGraph;
  /** Boxes that the head gives for an image, before any is dropped. */
  readonly rows: number;
  readonly classes: number;
}

/**
 * Builds the inference graph of a detector: batch normalisation folded into the convolutions, the head decoded,
 * one output in YOLOv5's order of rows. What inference does not need is set aside in the ledger, which is closed.
 *
 * @param size - Height and width of the input in px, a multiple of the largest stride.
 * @throws ReigniteError USAGE for another size; CHECKPOINT_UNSUPPORTED for a network that is not understood, naming
 *   the module; on reading the weights, CHECKPOINT_CORRUPT for one that is not finite.
 */
export function detectorGraph(
  { layers: modules, strides }: DetectorNetwork,
  ledger: TensorUsage,
  size: number,
): DetectorGraph {
  const step = Math.max(...strides);
  if (!Number.isInteger(size) || size < step || size > 8_192 || size % step !== 0) {
    throw new ReigniteError(
      'USAGE',
      `A tile of ${size} px does not fit ${ledger.file}, which needs multiples of ${step}.`,
      {
        remedy: `Choose a tile size that is a multiple of ${step} px, from ${step} to 8192.`,
      },
    );
  }
  const graph = new GraphBuilder('yolov5');
  const layers: Layers = { graph, ledger, build: (module, inputs) => layerOf(layers, module, inputs) };
  const image = graph.input(INPUT_NAME, 'float32', [1, IMAGE_CHANNELS, size, size]);
  const start: Feature = { value: image, channels: IMAGE_CHANNELS, height: size, width: size };
  const outputs: Feature[] = [];
  for (const [index, module] of modules.slice(0, -1).entries()) {
    outputs.push(layers.build(module, inputsOf(layers, module, index, outputs, start)));
  }
  const index = modules.length - 1;
  const last = modules[index];
  if (last === undefined) throw new RangeError('Expected a network with layers');
  const head = detect(layers, last, inputsOf(layers, last, index, outputs, start), strides, size);
  ledger.close();
  graph.output(head.value, 'float32', [1, head.rows, BOX_COLUMNS + head.classes]);
  return { graph: graph.build(), rows: head.rows, classes: head.classes };
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
