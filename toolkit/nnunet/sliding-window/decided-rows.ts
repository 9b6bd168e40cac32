import { ReigniteError } from '../../errors.ts';
import type { PartialRoi } from './partial-roi.ts';
import { bytesOf } from './raw-file.ts';
import { finishedRows } from './tile-grid.ts';
import { isAnnotated, NOT_PREDICTED } from './tile-scope.ts';
import type { TiledRoi } from './tiled-roi.ts';

/** Confidence of a pixel outside the predicted part. */
const FULL_CONFIDENCE = 65535;

/** Decides labels and confidences of a row of the predicted part. @returns False if the networks gave NaN. */
export type DecidePixels = (
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
