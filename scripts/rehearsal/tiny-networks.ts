import { writeFile } from 'node:fs/promises';
import { HE_LABELS } from '../../toolkit/dataset/tissue-labels.ts';
import { writeModel } from '../../toolkit/onnx/file/model-file.ts';
import { GraphBuilder } from '../../toolkit/onnx/graph/graph.ts';
import { add, conv, reshape } from '../../toolkit/onnx/graph/operators.ts';
import { CELL } from './drawings.ts';

const TILE = 512;
/** Side of a cell's box, in px. */
export const BOX = 10;

/** Writes a network that gives each pixel the label of the nearest colour: one convolution of 1 x 1 px. */
export async function writeTissueNetwork(path: string): Promise<void> {
  const graph = new GraphBuilder('nearest-colour');
  const image = graph.input('image', 'float32', [1, 3, TILE, TILE]);
  const colours = HE_LABELS.map(({ colour }) => colour.map((value) => value / 255));
  // Unannotated and Background have the same colour; Background must be predicted.
  const offset = (label: number) => (label === 0 ? -100 : 0);
  const weight = graph.tensor({
    name: 'weight',
    elementType: 'float32',
    shape: [HE_LABELS.length, 3, 1, 1],
    read: async () => Float32Array.from(colours.flatMap((colour) => colour.map((value) => 20 * value))),
  });
  const bias = graph.tensor({
    name: 'bias',
    elementType: 'float32',
    shape: [HE_LABELS.length],
    read: async () =>
      Float32Array.from(
        colours.map((colour, label) => offset(label) - 10 * colour.reduce((sum, value) => sum + value * value, 0)),
      ),
  });
  const logits = conv(graph, 'logits', image, { weight, bias }, { kernel: [1, 1] });
  graph.output(logits, 'float32', [1, HE_LABELS.length, TILE, TILE]);
  await writeModel(path, graph.build());
  const labels = HE_LABELS.map(({ name, value }) => ({ name, value }));
  await writeSidecar(path, { kind: 'segmentation', output: { values: 'logits' }, labels });
}

/** Writes a detector that finds a cell where the centre of a square has the colour of a class. */
export async function writeCellNetwork(path: string, classes: readonly string[]): Promise<void> {
  const graph = new GraphBuilder('coloured-dots');
  const image = graph.input('image', 'float32', [1, 3, TILE, TILE]);
  const rows = 4 + classes.length;
  const side = TILE / CELL;
  const weight = graph.tensor({
    name: 'weight',
    elementType: 'float32',
    shape: [rows, 3, CELL, CELL],
    read: async () => {
      const values = new Float32Array(rows * 3 * CELL * CELL);
      const middle = (CELL / 2) * CELL + CELL / 2;
      for (let of = 0; of < classes.length; of++) values[((4 + of) * 3 + of) * CELL * CELL + middle] = 0.9;
      return values;
    },
  });
  const found = conv(graph, 'found', image, { weight }, { kernel: [CELL, CELL], stride: [CELL, CELL] });
  const places = graph.tensor({
    name: 'places',
    elementType: 'float32',
    shape: [1, rows, side, side],
    read: async () => placesOf(rows, side),
  });
  const boxes = reshape(graph, 'boxes', add(graph, 'placed', found, places), [1, rows, side * side]);
  graph.output(boxes, 'float32', [1, rows, side * side]);
  await writeModel(path, graph.build());
  await writeSidecar(path, { kind: 'detection', output: { format: 'yolov8' }, labels: classes });
}

/** Returns centre, width and height of the box in each square. */
function placesOf(rows: number, side: number): Float32Array {
  const values = new Float32Array(rows * side * side);
  for (let at = 0; at < side * side; at++) {
    values[at] = CELL * (at % side) + CELL / 2;
    values[side * side + at] = CELL * Math.floor(at / side) + CELL / 2;
    values[2 * side * side + at] = BOX;
    values[3 * side * side + at] = BOX;
  }
  return values;
}

async function writeSidecar(model: string, sidecar: object): Promise<void> {
  await writeFile(model.replace(/\.onnx$/, '.json'), JSON.stringify(sidecar));
}
