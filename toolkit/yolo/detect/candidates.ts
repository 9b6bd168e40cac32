import { roundHalfEven } from '../../numpy.ts';
import { placeBoxes } from '../../onnx/session/tile-tensors.ts';
import { BOX_COLUMNS } from '../convert/modules/yolov5-head.ts';
import type { DetectorFormat } from '../detector-card.ts';

/** Candidates of one tile, in the order of the head's rows, as columns of equal length. */
export interface Candidates {
  readonly count: number;
  /** count x 4: x1, y1, x2, y2 in px of the tile, float32. */
  readonly corners: Float32Array;
  /** Objectness times the probability of the best class, float32. */
  readonly scores: Float32Array;
  /** Number of the best class. */
  readonly classes: Uint16Array;
}

/**
 * Extracts the candidates from the raw output of a head: those whose objectness and whose detection score (objectness times
 * class) are above `floor`.
 *
 * Corners and scores are rounded to float32 at every step, as in `non_max_suppression` of YOLOv5. If several classes have
 * the highest score, the first is used. A threshold above `floor` can be applied to the scores later, because a score
 * never exceeds its objectness.
 *
 * @param head - rows x (5 + classes), float32: centre x, centre y, width, height in px, objectness, classes.
 * @param floor - In [0, 1], compared as float32.
 */
export function readCandidates(head: Float32Array, classes: number, floor: number): Candidates {
  const columns = BOX_COLUMNS + classes;
  const least = Math.fround(floor);
  const rows: number[] = [];
  for (let row = 0; row < head.length; row += columns) {
    if ((head[row + 4] ?? 0) > least && bestScore(head, row, columns) > least) rows.push(row);
  }
  const corners = new Float32Array(rows.length * 4);
  const scores = new Float32Array(rows.length);
  const best = new Uint16Array(rows.length);
  for (const [index, row] of rows.entries()) {
    const [x = Number.NaN, y = Number.NaN, width = Number.NaN, height = Number.NaN] = head.subarray(row, row + 4);
    corners.set([x - width / 2, y - height / 2, x + width / 2, y + height / 2], index * 4);
    scores[index] = bestScore(head, row, columns);
    best[index] = bestClass(head, row, columns);
  }
  return { count: rows.length, corners, scores, classes: best };
}

/** Returns whether every corner is finite. */
export function areFinite({ corners }: Candidates): boolean {
  return corners.every((value) => Number.isFinite(value));
}

function bestScore(head: Float32Array, row: number, columns: number): number {
  return scoreOf(head, row, bestClass(head, row, columns));
}

function bestClass(head: Float32Array, row: number, columns: number): number {
  let best = 0;
  for (let label = 1; label < columns - BOX_COLUMNS; label++) {
    if (scoreOf(head, row, label) > scoreOf(head, row, best)) best = label;
  }
  return best;
}

function scoreOf(head: Float32Array, row: number, label: number): number {
  return Math.fround((head[row + 4] ?? 0) * (head[row + BOX_COLUMNS + label] ?? 0));
}

/** x1, y1, x2, y2 in px. */
export type Box = readonly [number, number, number, number];

/** Centre of a candidate in px of the image. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/**
 * Computes the centre of a candidate: the mean of its corners plus the origin of its tile, each step rounded to float32.
 *
 * @param left - First column of the tile in the image, px.
 * @param top - First row of the tile in the image, px.
 */
export function centreOf({ corners }: Candidates, index: number, left: number, top: number): Point {
  const [x1 = Number.NaN, y1 = Number.NaN, x2 = Number.NaN, y2 = Number.NaN] = corners.subarray(
    4 * index,
    4 * index + 4,
  );
  return {
    x: Math.fround(Math.fround(Math.fround(x1 + x2) / 2) + left),
    y: Math.fround(Math.fround(Math.fround(y1 + y2) / 2) + top),
  };
}

/** Returns whether a point is in a box, borders included. The borders are rounded to float32. */
export function isWithin({ x, y }: Point, [x1, y1, x2, y2]: Box): boolean {
  return x >= Math.fround(x1) && x <= Math.fround(x2) && y >= Math.fround(y1) && y <= Math.fround(y2);
}

/** Rounds a coordinate to two decimals like NumPy rounds float32: rint(100 x) / 100, half to even. */
export function roundedCoordinate(value: number): number {
  return Math.fround(roundHalfEven(Math.fround(value * 100)) / 100);
}

/** Numbers of a row of the format `end2end`. */
export const END2END_COLUMNS = 6;

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
