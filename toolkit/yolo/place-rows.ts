import { placeBoxes } from '../onnx/session/tile-tensors.ts';
import { BOX_COLUMNS } from './convert/modules/detect.ts';
import type { DetectorFormat } from './detector-card.ts';

const END2END_COLUMNS = 6;

/**
 * Converts the output of a detector from any layout to the rows of YOLOv5. Layouts without objectness get an objectness
 * of 1.
 *
 * @param output - Output in one of the layouts of `DetectorFormat`.
 * @param head - Receives rows x (5 + classes) float32.
 */
export function placeRows(
  output: Float32Array,
  format: DetectorFormat,
  rows: number,
  classes: number,
  head: Float32Array,
): void {
  if (format === 'yolov5') head.set(output);
  else if (format === 'yolov8') placeBoxes(output, rows, classes, head);
  else placeSuppressed(output, rows, classes, head);
}

/** Converts `end2end` rows, which have one class each. A class number that the model does not have gets a score of 0. */
function placeSuppressed(output: Float32Array, rows: number, classes: number, head: Float32Array): void {
  const columns = BOX_COLUMNS + classes;
  head.fill(0);
  for (let row = 0; row < rows; row++) {
    const at = row * END2END_COLUMNS;
    const [x1 = Number.NaN, y1 = Number.NaN, x2 = Number.NaN, y2 = Number.NaN, score = 0, label = -1] = output.subarray(
      at,
      at + END2END_COLUMNS,
    );
    const to = row * columns;
    head.set([(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1, 1], to);
    if (Number.isInteger(label) && label >= 0 && label < classes) head[to + BOX_COLUMNS + label] = score;
  }
}
