import type { GraphBuilder, Value } from '../../../onnx/graph/graph.ts';
import { add, concat, floats, multiply, reshape, sigmoid, slice, transpose } from '../../../onnx/graph/operators.ts';
import {
  childOf,
  type Feature,
  IMAGES,
  integerAttribute,
  type Layers,
  setAsideAll,
  unsupportedModule,
} from '../layers.ts';
import type { ModuleNode, NetworkTensor } from '../module-tree.ts';
import { conv2d } from './convolution.ts';

const DETECT = 'models.yolo.Detect';
/** A head with mask coefficients after the classes, which are ignored. */
const SEGMENT = 'models.yolo.Segment';
const MODULE_LIST = 'torch.nn.modules.container.ModuleList';
/** Columns before the classes: centre x, centre y, width, height, objectness. */
export const BOX_COLUMNS = 5;

/** Height and width in px. */
export interface Size {
  readonly height: number;
  readonly width: number;
}

/** The decoded output of a network. */
export interface Head {
  readonly value: Value;
  readonly rows: number;
  readonly classes: number;
}

/** A level of the head: one resolution with its anchors. */
interface Level {
  readonly name: string;
  readonly x: Feature;
  readonly anchors: number;
  readonly outputs: number;
  readonly classes: number;
  /** px */
  readonly stride: number;
  /** [anchors, 2], width and height in px. */
  readonly anchorSizes: () => Promise<Float32Array>;
}

/**
 * `models.yolo.Detect` in inference: sigmoid, then boxes in px of the input,
 *
 *     xy = (2 s + (cell - 0.5)) stride,  wh = (2 s)^2 anchor
 *
 * in float32 and in this order of operations, as in releases from 6.0 on. These also load older networks, with anchors
 * times stride instead of the buffer `anchor_grid`.
 *
 * Rows are ordered by level, then anchor, then cell (row-major).
 *
 * @param strides - Stride of each level in px, from the network.
 * @param size - Size of the input, px.
 */
export function detect(
  layers: Layers,
  module: ModuleNode,
  inputs: readonly Feature[],
  strides: readonly number[],
  size: Size,
): Head {
  const { graph, usage } = layers;
  const hasMasks = module.className === SEGMENT;
  if (module.className !== DETECT && !hasMasks)
    throw unsupportedModule(layers, module, 'is not a known detection head');
  const classes = integerAttribute(module, 'nc', 1);
  const outputs = integerAttribute(module, 'no', 1);
  const anchors = integerAttribute(module, 'na', 1);
  const masks = hasMasks ? integerAttribute(module, 'nm', 1) : 0;
  if (outputs !== BOX_COLUMNS + classes + masks) {
    throw unsupportedModule(layers, module, `has ${outputs} outputs for ${classes} classes`);
  }
  const list = childOf(layers, module, 'm');
  if (list.className !== MODULE_LIST) throw unsupportedModule(layers, list, 'is not a known list of modules');
  const convolutions = [...list.children.values()];
  if (convolutions.length !== inputs.length || strides.length !== inputs.length) {
    const counts = `${inputs.length} inputs, ${convolutions.length} convolutions and ${strides.length} strides`;
    throw unsupportedModule(layers, module, `has ${counts}`);
  }
  const sizes = usage.use(module, 'anchors', [inputs.length, anchors, 2]);
  usage.use(module, 'stride', [inputs.length]);
  usage.setAside(module, 'anchor_grid');
  const prototypes = module.children.get('proto');
  if (hasMasks && prototypes !== undefined) setAsideAll(layers, prototypes);
  const levels = inputs.map((input, index) => {
    const convolution = convolutions[index];
    const stride = strides[index];
    if (convolution === undefined || stride === undefined) throw unsupportedModule(layers, module, 'is incomplete');
    const x = conv2d(layers, convolution, input);
    if (x.channels !== anchors * outputs) throw unsupportedModule(layers, convolution, `has ${x.channels} outputs`);
    if (x.height * stride !== size.height || x.width * stride !== size.width) {
      throw unsupportedModule(
        layers,
        module,
        `has a stride of ${stride} px where ${size.height} px become ${x.height}`,
      );
    }
    const name = `${module.place}.${index}`;
    return {
      name,
      x,
      anchors,
      outputs,
      classes,
      stride,
      anchorSizes: () => anchorSizes(sizes, index, anchors, stride),
    };
  });
  const value = concat(
    graph,
    'detections',
    levels.map((level) => decode(graph, level)),
    1,
  );
  const rows = levels.reduce((sum, { x }) => sum + anchors * x.height * x.width, 0);
  return { value, rows, classes };
}

function decode(graph: GraphBuilder, { name, x, anchors, outputs, classes, stride, anchorSizes: read }: Level): Value {
  const { height, width } = x;
  const split = reshape(graph, `${name}.split`, x.value, [IMAGES, anchors, outputs, height, width]);
  const last = transpose(graph, `${name}.last`, split, [0, 1, 3, 4, 2]);
  const s = sigmoid(graph, `${name}.sigmoid`, last);

  const two = floats(graph, `${name}.two`, [1], () => Float32Array.of(2));
  const twice = multiply(graph, `${name}.twice`, slice(graph, `${name}.box`, s, 4, 0, 4), two);
  const cells = floats(graph, `${name}.cells`, [1, height, width, 2], () => cellOffsets(height, width));
  const shifted = add(graph, `${name}.shifted`, slice(graph, `${name}.xy`, twice, 4, 0, 2), cells);
  const pixels = floats(graph, `${name}.pixels`, [1], () => Float32Array.of(stride));
  const centres = multiply(graph, `${name}.centres`, shifted, pixels);

  const extent = slice(graph, `${name}.wh`, twice, 4, 2, 4);
  const sizes = floats(graph, `${name}.anchors`, [anchors, 1, 1, 2], read);
  const extents = multiply(graph, `${name}.extents`, multiply(graph, `${name}.squared`, extent, extent), sizes);

  const scores = slice(graph, `${name}.scores`, s, 4, 4, BOX_COLUMNS + classes);
  const joined = concat(graph, `${name}.joined`, [centres, extents, scores], 4);
  return reshape(graph, `${name}.rows`, joined, [IMAGES, anchors * height * width, BOX_COLUMNS + classes]);
}

/** Returns column and row of each cell of the output grid, minus 0.5. */
function cellOffsets(height: number, width: number): Float32Array {
  const offsets = new Float32Array(height * width * 2);
  for (let cell = 0; cell < height * width; cell++) {
    offsets[2 * cell] = (cell % width) - 0.5;
    offsets[2 * cell + 1] = Math.floor(cell / width) - 0.5;
  }
  return offsets;
}

/** Reads the anchors of a level and converts them from units of the stride to px. */
async function anchorSizes(
  { read }: NetworkTensor,
  level: number,
  anchors: number,
  stride: number,
): Promise<Float32Array> {
  const all = await read();
  return all.slice(level * anchors * 2, (level + 1) * anchors * 2).map((length) => length * stride);
}
