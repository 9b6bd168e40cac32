import { ReigniteError } from '../../errors.ts';
import type { Decision } from '../model-card.ts';
import { bytesOf } from './partial-files.ts';
import type { PartialRoi } from './partial-roi.ts';
import { finishedRows, isAnnotated, NOT_PREDICTED } from './tile-grid.ts';
import type { TiledRoi } from './tiled-roi.ts';

/**
 * Decides the class of each pixel of a row, and with what confidence.
 *
 * @param total - width x classes float32: softmax summed over the folds. Divided here by `folds`, in float32.
 * @param labels - Receives width class indices; the first of equal maxima, as `numpy.argmax`.
 * @param confidences - Receives width confidences: the mean softmax of the best class minus that of the second best, as
 *   `round(65535 * confidence)`.
 * @returns False if the networks gave NaN for any class of a pixel.
 */
export function argmaxAndConfidence(
  total: Float32Array,
  classes: number,
  folds: number,
  labels: Uint8Array,
  confidences: Uint16Array,
): boolean {
  let at = 0;
  let isNumber = true;
  for (let x = 0; x < labels.length; x++) {
    let best = -1;
    let second = -1;
    let label = 0;
    for (let c = 0; c < classes; c++, at++) {
      const mean = Math.fround((total[at] ?? 0) / folds);
      if (mean > best) {
        second = best;
        best = mean;
        label = c;
      } else if (mean > second) {
        second = mean;
      } else if (Number.isNaN(mean)) {
        isNumber = false;
      }
    }
    labels[x] = label;
    confidences[x] = Math.round((best - Math.max(second, 0)) * 65535);
  }
  return isNumber;
}

const WHITE = 65535;

/**
 * Decides the class of each pixel of a row from logits, and with what confidence.
 *
 * @param total - width x classes float32: logits summed over the folds. Divided here by `folds`, in float32.
 * @param labels - Receives width class indices; the first of equal maxima.
 * @param confidences - Receives width confidences: in the softmax of the mean logits, the best class minus the second best,
 *   as `round(65535 * confidence)`.
 * @returns Whether all logits are finite.
 */
function largestLogit(
  total: Float32Array,
  classes: number,
  folds: number,
  labels: Uint8Array,
  confidences: Uint16Array,
): boolean {
  const means = new Float32Array(classes);
  let isNumber = true;
  for (let x = 0; x < labels.length; x++) {
    let label = 0;
    for (let c = 0; c < classes; c++) {
      const mean = (total[x * classes + c] ?? 0) / folds;
      means[c] = mean;
      if (!Number.isFinite(mean)) isNumber = false;
      if ((means[c] ?? 0) > (means[label] ?? 0)) label = c;
    }
    const best = means[label] ?? 0;
    let sum = 0;
    let second = 0;
    for (let c = 0; c < classes; c++) {
      const weight = Math.exp((means[c] ?? 0) - best);
      sum += weight;
      if (c !== label && weight > second) second = weight;
    }
    labels[x] = label;
    confidences[x] = Math.round((WHITE * (1 - second)) / sum);
  }
  return isNumber;
}

/**
 * Decides the label of each pixel of a row from one logit per region. Regions whose sigmoid is above 0.5 write their
 * labels one after the other. The confidence is that of the least clear region: twice the distance of its sigmoid from
 * 0.5.
 *
 * @param values - The label that each region writes, in the order of the network's channels.
 * @returns Whether all logits are finite.
 */
function lastRegion(
  total: Float32Array,
  values: readonly number[],
  folds: number,
  labels: Uint8Array,
  confidences: Uint16Array,
): boolean {
  const regions = values.length;
  let isNumber = true;
  for (let x = 0; x < labels.length; x++) {
    let label = 0;
    let confidence = 1;
    for (let c = 0; c < regions; c++) {
      const mean = Math.fround((total[x * regions + c] ?? 0) / folds);
      if (!Number.isFinite(mean)) isNumber = false;
      const probability = Math.fround(1 / (1 + Math.exp(-mean)));
      if (probability > 0.5) label = values[c] ?? 0;
      confidence = Math.min(confidence, Math.abs(2 * probability - 1));
    }
    labels[x] = label;
    confidences[x] = Math.round(WHITE * confidence);
  }
  return isNumber;
}

/**
 * Decides the label of each pixel of a row from one probability per channel. The largest (the first of equals) sets the
 * label if it is above the threshold; otherwise the label is 0. The confidence is the distance from the threshold as a
 * share of the largest possible one or, if smaller, the gap to the second channel.
 *
 * @param values - The label of each channel.
 * @returns False if the networks gave NaN for any channel of a pixel.
 */
function largestAbove(
  total: Float32Array,
  { values, threshold }: Extract<Decision, { kind: 'threshold' }>,
  folds: number,
  labels: Uint8Array,
  confidences: Uint16Array,
): boolean {
  const channels = values.length;
  let isNumber = true;
  for (let x = 0; x < labels.length; x++) {
    let best = -1;
    let second = -1;
    let label = 0;
    for (let c = 0; c < channels; c++) {
      const mean = Math.fround((total[x * channels + c] ?? 0) / folds);
      if (Number.isNaN(mean)) isNumber = false;
      if (mean > best) {
        second = best;
        best = mean;
        label = values[c] ?? 0;
      } else if (mean > second) second = mean;
    }
    const isAbove = best > threshold;
    const distance = isAbove ? (best - threshold) / (1 - threshold) : (threshold - best) / threshold;
    labels[x] = isAbove ? label : 0;
    const confidence = isAbove && second >= 0 ? Math.min(distance, best - second) : distance;
    confidences[x] = Math.round(WHITE * Math.min(1, Math.max(0, confidence)));
  }
  return isNumber;
}

/** Decides label and confidence of each pixel of a row; see the function for each kind of decision. */
export type DecideRow = (
  total: Float32Array,
  folds: number,
  labels: Uint8Array,
  confidences: Uint16Array,
) => /** Whether every output is a number. */ boolean;

/** Returns the function for a kind of decision. @param outputs - Outputs of the networks per pixel. */
export function rowDecider(decision: Decision, outputs: number): DecideRow {
  switch (decision.kind) {
    case 'softmax':
      return (total, folds, labels, confidences) => argmaxAndConfidence(total, outputs, folds, labels, confidences);
    case 'logits':
      return (total, folds, labels, confidences) => largestLogit(total, outputs, folds, labels, confidences);
    case 'regions':
      return (total, folds, labels, confidences) => lastRegion(total, decision.values, folds, labels, confidences);
    case 'threshold':
      return (total, folds, labels, confidences) => largestAbove(total, decision, folds, labels, confidences);
  }
}

/** Confidence of a pixel outside the predicted part. */
const FULL_CONFIDENCE = 65535;

/** Decides labels and confidences of a row of the predicted part. @returns False if the networks gave NaN. */
type DecidePixels = (
  /** Row in the padded image, px. */
  y: number,
  labels: Uint8Array,
  confidences: Uint16Array,
) => boolean;

/**
 * Writes labels and confidences of the image rows that a tile row finishes, including pixels around the predicted part.
 *
 * @throws ReigniteError INFERENCE_FAILED if the networks gave NaN.
 */
export function writeDecidedRows(
  { grid, truth, whole, part }: TiledRoi,
  row: number,
  partial: PartialRoi,
  decide: DecidePixels,
): void {
  const { from, to } = finishedRows(grid, row);
  const top = Math.max(from, grid.offset.y);
  const bottom = Math.min(to, grid.offset.y + grid.image.height);
  const isLast = row === grid.rows.length - 1;
  const first = row === 0 ? 0 : part.top + top - grid.offset.y;
  const end = isLast ? whole.height : part.top + bottom - grid.offset.y;
  const labels = new Uint8Array(Math.max(0, end - first) * whole.width);
  // Outside the predicted part, the label is 0 by definition.
  const confidences = new Uint16Array(labels.length).fill(FULL_CONFIDENCE);
  for (let y = top; y < bottom; y++) {
    const imageRow = part.top + y - grid.offset.y;
    const at = (imageRow - first) * whole.width + part.left;
    const after = at + grid.image.width;
    if (decide(y, labels.subarray(at, after), confidences.subarray(at, after))) continue;
    throw new ReigniteError('INFERENCE_FAILED', `The networks gave NaN in row ${imageRow} of the image.`);
  }
  if (truth !== undefined)
    blankUnannotated(truth.subarray(first * whole.width, end * whole.width), labels, confidences);
  partial.writeBytes(labelsFile(row), labels);
  partial.writeBytes(confidencesFile(row), bytesOf(confidences));
}

function blankUnannotated(truth: Uint8Array, labels: Uint8Array, confidences: Uint16Array): void {
  truth.forEach((value, x) => {
    if (isAnnotated(value)) return;
    labels[x] = NOT_PREDICTED;
    confidences[x] = 0;
  });
}

/**
 * Returns the name of the file with the labels (uint8) of the rows that a tile row finishes. Joined in order, these files
 * are the mask.
 */
export function labelsFile(row: number): string {
  return `labels-${row}`;
}

/** Returns the name of the file with the confidences of the same rows, uint16. */
export function confidencesFile(row: number): string {
  return `margins-${row}`;
}
