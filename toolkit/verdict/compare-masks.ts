import { z } from 'zod';
import { NOT_PREDICTED } from '../nnunet/sliding-window/tile-grid.ts';

const Pixels = z.int().min(0);

/** Pixel-by-pixel comparison of two masks of one ROI. */
export const MaskComparison = z.object({
  pixels: Pixels.describe('Pixels compared: those that both masks predict'),
  differing: Pixels,
  largestConfidence: z.number().min(0).max(1).describe('Largest confidence of a differing pixel; 0 where none differs'),
  lowConfidence: Pixels.describe('Differing pixels whose confidence is within the tolerance'),
  between: z.array(z.array(Pixels)).describe('Counts of the labels 0 to 16: rows published, columns ours'),
});
export type MaskComparison = z.infer<typeof MaskComparison>;

/** Stored value of confidence 1: confidences are scaled to uint16. */
const LARGEST = 65_535;

/**
 * Compares a published mask with ours, and looks up our confidence at the pixels that differ.
 *
 * @param published - width x height labels.
 * @param ours - width x height labels; pixels of 255 were not predicted (scope `annotated`) and are ignored.
 * @param confidences - width x height uint16: best minus second-best mean softmax, times 65535.
 * @param lowConfidenceUpTo - Confidence, 0 to 1, up to which a differing pixel is counted in `lowConfidence`.
 * @param labels - Number of labels; pixels with a larger value are compared, but not counted in `between`.
 * @throws RangeError when the lengths differ.
 */
export function compareMasks(
  published: Uint8Array,
  ours: Uint8Array,
  confidences: Uint16Array,
  { lowConfidenceUpTo, labels }: { readonly lowConfidenceUpTo: number; readonly labels: number },
): MaskComparison {
  if (published.length !== ours.length || confidences.length !== ours.length) {
    throw new RangeError(
      `Expected ${ours.length} px, got ${published.length} px and ${confidences.length} confidence values`,
    );
  }
  const pairs = new Float64Array(labels * labels);
  // A stored confidence may have been rounded up by half a step, but the tolerance applies to the value before
  // rounding.
  const near = lowConfidenceUpTo * LARGEST + 0.5;
  let pixels = 0;
  let differing = 0;
  let largest = 0;
  let lowConfidence = 0;
  for (let at = 0; at < ours.length; at++) {
    const mine = ours[at] ?? 0;
    const theirs = published[at] ?? 0;
    if (mine === NOT_PREDICTED || theirs === NOT_PREDICTED) continue;
    pixels++;
    if (mine < labels && theirs < labels) {
      const entry = theirs * labels + mine;
      pairs[entry] = (pairs[entry] ?? 0) + 1;
    }
    if (mine === theirs) continue;
    differing++;
    const confidence = confidences[at] ?? 0;
    if (confidence > largest) largest = confidence;
    if (confidence <= near) lowConfidence++;
  }
  const between = Array.from({ length: labels }, (_, row) => [...pairs.subarray(row * labels, (row + 1) * labels)]);
  return { pixels, differing, largestConfidence: largest / LARGEST, lowConfidence, between };
}

/** Sums the comparisons of several ROIs. */
export function sumOfComparisons(comparisons: readonly MaskComparison[], labels: number): MaskComparison {
  const between = Array.from({ length: labels }, () => new Array<number>(labels).fill(0));
  const total = { pixels: 0, differing: 0, largestConfidence: 0, lowConfidence: 0, between };
  for (const each of comparisons) {
    total.pixels += each.pixels;
    total.differing += each.differing;
    total.largestConfidence = Math.max(total.largestConfidence, each.largestConfidence);
    total.lowConfidence += each.lowConfidence;
    for (const [t, row] of between.entries()) {
      for (let p = 0; p < labels; p++) row[p] = (row[p] ?? 0) + (each.between[t]?.[p] ?? 0);
    }
  }
  return total;
}

/** Half a step of the stored confidences, 0 to 1: the largest error of rounding. */
export const CONFIDENCE_ROUNDING = 0.5 / LARGEST;
