import { type GraphBuilder, int, ints, type Value } from '../../../onnx/graph/graph.ts';
import {
  add,
  concat,
  floats,
  integers,
  matMul,
  multiply,
  reshape,
  sigmoid,
  slice,
  softmax,
  transpose,
} from '../../../onnx/graph/operators.ts';
import { asBoolean } from '../../../pytorch/pickle/value.ts';
import {
  attribute,
  childOf,
  type Feature,
  IMAGES,
  integerAttribute,
  type Layers,
  setAsideAll,
  unsupportedModule,
} from '../layers.ts';
import type { ModuleNode } from '../module-tree.ts';
import type { Size } from './yolov5-head.ts';

/** Number of boxes that `Detect.postprocess` of Ultralytics keeps from a one-to-one head. */
const MAX_ONE_TO_ONE = 300;
const MODULE_LIST = 'torch.nn.modules.container.ModuleList';

export interface DflOptions {
  /** Stride of each level, px. */
  readonly strides: readonly number[];
  /** Size of the input, px. */
  readonly size: Size;
  /** For a network with two heads: use the one-to-many head, whose boxes need suppression. */
  readonly oneToMany: boolean;
}

/** The decoded output of a network without objectness. */
export interface DflHead {
  readonly value: Value;
  readonly shape: readonly number[];
  /**
   * `yolov8`: [images, 4 + classes, rows], centre x, centre y, width, height in px, class scores; needs suppression.
   * `end2end`: [images, rows, 6], x1, y1, x2, y2 in px, score, class, best first; from a one-to-one head, without need for
   * suppression.
   */
  readonly format: 'yolov8' | 'end2end';
  readonly rows: number;
  readonly classes: number;
}

/**
 * `Detect` of Ultralytics in inference. A box is given by the distances from the middle of a cell to its four sides, each
 * the mean of a distribution over `reg_max` integers, in units of the stride. Scores are sigmoids.
 *
 * Rows are ordered by level, then cell (row-major). A one-to-one head (YOLOv10, YOLO26) outputs its best 300 boxes, as
 * exported by Ultralytics.
 */
export function detectDfl(
  layers: Layers,
  module: ModuleNode,
  inputs: readonly Feature[],
  { strides, size, oneToMany }: DflOptions,
): DflHead {
  const { graph } = layers;
  const classes = integerAttribute(module, 'nc', 1);
  const bins = integerAttribute(module, 'reg_max', 1);
  layers.usage.setAside(module, 'stride', 'anchors', 'strides');
  const isOneToOne = hasOneToOne(module) && !(oneToMany && module.children.has('cv2'));
  const prefix = isOneToOne ? 'one2one_' : '';
  checkLevels(layers, module, inputs, strides, size);
  const rows = inputs.reduce((sum, { height, width }) => sum + height * width, 0);
  const boxes = branch(layers, module, `${prefix}cv2`, inputs, 4 * bins);
  const scores = branch(layers, module, `${prefix}cv3`, inputs, classes);
  const distances = bins === 1 ? boxes : meanOfBins(layers, module, boxes, bins, rows);
  setAsideUnused(layers, module, isOneToOne);
  const corners = cornersOf(graph, inputs, distances, rows);
  const pixels = floats(graph, 'head.strides', [1, 1, rows], () => stridesOf(inputs, strides));
  const probabilities = sigmoid(graph, 'head.scores', scores);
  if (isOneToOne) {
    const xyxy = multiply(graph, 'head.corners.px', concat(graph, 'head.corners', corners, 1), pixels);
    const kept = Math.min(MAX_ONE_TO_ONE, rows);
    const value = bestOf(graph, xyxy, probabilities, { classes, kept });
    return { value, shape: [1, kept, 6], format: 'end2end', rows: kept, classes };
  }
  const [low, high] = corners;
  const half = floats(graph, 'head.half', [1], () => Float32Array.of(0.5));
  const minus = floats(graph, 'head.minus', [1], () => Float32Array.of(-1));
  const centres = multiply(graph, 'head.centres', add(graph, 'head.twice', low, high), half);
  const extents = add(graph, 'head.extents', high, multiply(graph, 'head.negative', low, minus));
  const xywh = multiply(graph, 'head.px', concat(graph, 'head.boxes', [centres, extents], 1), pixels);
  const value = concat(graph, 'output0', [xywh, probabilities], 1);
  return { value, shape: [1, 4 + classes, rows], format: 'yolov8', rows, classes };
}

/** Returns whether a head has a one-to-one and a one-to-many head, of which the first is used by default. */
export function hasTwoHeads(module: ModuleNode): boolean {
  return hasOneToOne(module) && module.children.has('cv2');
}

/** Returns whether the one-to-one head (one box per object) is used. Releases with two heads store which one. */
function hasOneToOne(module: ModuleNode): boolean {
  if (!module.children.has('one2one_cv2')) return false;
  if (!module.children.has('cv2')) return true;
  for (const name of ['_end2end', 'end2end']) {
    const located = attribute(module, name);
    if (located.value !== undefined) return asBoolean(located);
  }
  return true;
}

function checkLevels(
  layers: Layers,
  module: ModuleNode,
  inputs: readonly Feature[],
  strides: readonly number[],
  size: Size,
): void {
  if (strides.length !== inputs.length) {
    throw unsupportedModule(layers, module, `has ${inputs.length} inputs and ${strides.length} strides`);
  }
  for (const [index, { height, width }] of inputs.entries()) {
    const stride = strides[index] ?? 0;
    if (height * stride === size.height && width * stride === size.width) continue;
    const what = `${size.height} x ${size.width} px become ${height} x ${width}`;
    throw unsupportedModule(layers, module, `has a stride of ${stride} px where ${what}`);
  }
}

/** Concatenates the outputs of one branch over all levels: [images, channels, rows]. */
function branch(layers: Layers, module: ModuleNode, name: string, inputs: readonly Feature[], channels: number): Value {
  const list = childOf(layers, module, name);
  if (list.className !== MODULE_LIST) throw unsupportedModule(layers, list, 'is not a known list of modules');
  const chains = [...list.children.values()];
  if (chains.length !== inputs.length) {
    throw unsupportedModule(layers, list, `has ${chains.length} levels for ${inputs.length} inputs`);
  }
  const levels = inputs.map((input, index) => {
    const chain = chains[index];
    if (chain === undefined) throw unsupportedModule(layers, list, 'is incomplete');
    const y = layers.build(chain, [input]);
    if (y.channels !== channels || y.height !== input.height || y.width !== input.width) {
      throw unsupportedModule(layers, chain, `gives ${y.channels} x ${y.height} x ${y.width} values`);
    }
    return reshape(layers.graph, `head.${name}.${index}`, y.value, [IMAGES, channels, y.height * y.width]);
  });
  return concat(layers.graph, `head.${name}`, levels, 2);
}

/** `DFL`: computes the mean of each distribution, [images, 4, rows]. */
function meanOfBins(layers: Layers, module: ModuleNode, boxes: Value, bins: number, rows: number): Value {
  const { graph, usage } = layers;
  const convolution = childOf(layers, childOf(layers, module, 'dfl'), 'conv');
  const weight = usage.use(convolution, 'weight', [1, bins, 1, 1]);
  const split = reshape(graph, 'head.bins', boxes, [IMAGES, 4, bins, rows]);
  const last = transpose(graph, 'head.bins.last', split, [0, 1, 3, 2]);
  const shares = softmax(graph, 'head.shares', last, 3);
  const means = matMul(graph, 'head.means', shares, floats(graph, 'head.numbers', [bins, 1], weight.read));
  return reshape(graph, 'head.distances', means, [IMAGES, 4, rows]);
}

/** Computes the upper left and lower right corners in units of the stride, [images, 2, rows] each. */
function cornersOf(
  graph: GraphBuilder,
  inputs: readonly Feature[],
  distances: Value,
  rows: number,
): readonly [Value, Value] {
  const middles = floats(graph, 'head.middles', [1, 2, rows], () => middlesOf(inputs, rows));
  const minus = floats(graph, 'head.backwards', [1], () => Float32Array.of(-1));
  const before = multiply(graph, 'head.before.negative', slice(graph, 'head.before', distances, 1, 0, 2), minus);
  const low = add(graph, 'head.low', middles, before);
  return [low, add(graph, 'head.high', middles, slice(graph, 'head.after', distances, 1, 2, 4))];
}

function middlesOf(inputs: readonly Feature[], rows: number): Float32Array {
  const middles = new Float32Array(2 * rows);
  let row = 0;
  for (const { height, width } of inputs) {
    for (let cell = 0; cell < height * width; cell++, row++) {
      middles[row] = (cell % width) + 0.5;
      middles[rows + row] = Math.floor(cell / width) + 0.5;
    }
  }
  return middles;
}

function stridesOf(inputs: readonly Feature[], strides: readonly number[]): Float32Array {
  return Float32Array.from(
    inputs.flatMap(({ height, width }, level) => new Array<number>(height * width).fill(strides[level] ?? 0)),
  );
}

/**
 * Selects the rows with the best scores, then the best pairs of row and class among them: [images, kept, 6].
 *
 * @param boxes - [images, 4, rows].
 * @param scores - [images, classes, rows].
 */
function bestOf(
  graph: GraphBuilder,
  boxes: Value,
  scores: Value,
  { classes, kept }: { readonly classes: number; readonly kept: number },
): Value {
  const count = integers(graph, 'head.kept', [kept]);
  const byRow = transpose(graph, 'head.rows.scores', scores, [0, 2, 1]);
  const boxRows = transpose(graph, 'head.rows.boxes', boxes, [0, 2, 1]);
  const best = graph.node('head.rows.best', 'ReduceMax', [byRow], { axes: ints([2]), keepdims: int(0) });
  const [, rowIndex] = graph.twoOutputs('head.rows.kept', 'TopK', [best, count]);
  const candidates = rowsAt(graph, 'head.candidates', byRow, rowIndex, kept);
  const flat = reshape(graph, 'head.candidates.flat', candidates, [IMAGES, kept * classes]);
  const [values, pair] = graph.twoOutputs('head.pairs.kept', 'TopK', [flat, count]);
  const perRow = integers(graph, 'head.classes', [classes]);
  const place = graph.node('head.pairs.place', 'Div', [pair, perRow]);
  const row = graph.node('head.pairs.row', 'GatherElements', [rowIndex, place], { axis: int(1) });
  const label = graph.node('head.pairs.class', 'Mod', [pair, perRow]);
  const labels = graph.node('head.pairs.label', 'Cast', [label], { to: int(FLOAT) });
  const columns = [
    rowsAt(graph, 'head.pairs.boxes', boxRows, row, kept),
    reshape(graph, 'head.pairs.score', values, [IMAGES, kept, 1]),
    reshape(graph, 'head.pairs.labels', labels, [IMAGES, kept, 1]),
  ];
  return concat(graph, 'output0', columns, 2);
}

/** Selects `count` rows of each image: [images, count, columns] from [images, rows, columns]. */
function rowsAt(graph: GraphBuilder, name: string, x: Value, rows: Value, count: number): Value {
  const indices = reshape(graph, `${name}.rows`, rows, [IMAGES, count, 1]);
  return graph.node(name, 'GatherND', [x, indices], { batch_dims: int(1) });
}

/** Value of float32 in TensorProto.DataType. */
const FLOAT = 1;

/** Marks tensors as unused: those of the other head, and those for masks. */
function setAsideUnused(layers: Layers, module: ModuleNode, isOneToOne: boolean): void {
  const unused = isOneToOne ? ['cv2', 'cv3'] : ['one2one_cv2', 'one2one_cv3'];
  for (const name of [...unused, 'proto', 'cv4', 'one2one_cv4']) {
    const child = module.children.get(name);
    if (child !== undefined) setAsideAll(layers, child);
  }
}
