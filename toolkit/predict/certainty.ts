import type { TissueClasses } from '../models/class-colours.ts';
import type { CandidatesFile } from '../yolo/detect/candidates-file.ts';

/** Margin of a pixel below which its decision is unclear: best minus second-best mean softmax, 0 to 1. */
const UNCLEAR = 0.1;
/** Of the 16-bit maps of margins. */
const FULL = 65_535;

/** How sure a segmentation was of its pixels. */
export interface TissueCertainty {
  /** Median over all pixels of the best minus the second-best mean softmax, 0 to 1. */
  readonly medianConfidence: number;
  /** Share of pixels whose margin is below 0.1. */
  readonly unclearShare: number;
}

/** @param margins - 65535 times the margin of every pixel. */
export function tissueCertainty(margins: Uint16Array): TissueCertainty {
  const counts = new Float64Array(FULL + 1);
  for (const margin of margins) counts[margin] = (counts[margin] ?? 0) + 1;
  return tissueCertaintyOf(counts);
}

/** @param counts - How many pixels have each confidence, from 0 to that of the last, which means 1. */
export function tissueCertaintyOf(counts: Float64Array): TissueCertainty {
  const full = counts.length - 1;
  const total = counts.reduce((sum, count) => sum + count, 0);
  let [unclear, below, median] = [0, 0, 0];
  for (const [margin, count] of counts.entries()) {
    if (margin < UNCLEAR * full) unclear += count;
    if (below <= total / 2 && below + count > total / 2) median = margin;
    below += count;
  }
  return { medianConfidence: rounded(median / full), unclearShare: rounded(total === 0 ? 0 : unclear / total) };
}

export function tissueCertaintyNote({ medianConfidence, unclearShare }: TissueCertainty): string {
  return `${(100 * unclearShare).toFixed(1)} % of its pixels are unclear (confidence below ${UNCLEAR}); the median confidence is ${medianConfidence.toFixed(2)}.`;
}

/** How sure a detector was of its cells. */
export interface CellCertainty {
  /** Missing where there is no cell. */
  readonly medianScore?: number;
  /** Candidates within the image whose score is between the one recorded and the one that makes a cell. */
  readonly weakCandidates: number;
}

export function cellCertainty(
  cells: readonly { readonly score: number }[],
  { candidates, width, height }: CandidatesFile,
): CellCertainty {
  const scores = cells.map(({ score }) => score).sort((a, b) => a - b);
  const median = scores[Math.floor(scores.length / 2)];
  const weak = candidates.filter(({ x1, y1, x2, y2, outcome }) => {
    const [x, y] = [(x1 + x2) / 2, (y1 + y2) / 2];
    return outcome === 'confidence' && x >= 0 && y >= 0 && x < width && y < height;
  });
  return { ...(median !== undefined && { medianScore: rounded(median) }), weakCandidates: weak.length };
}

export function cellCertaintyNote(
  { medianScore, weakCandidates }: CellCertainty,
  { recorded, confidence }: Pick<CandidatesFile, 'recorded' | 'confidence'>,
): string {
  const median =
    medianScore === undefined ? '' : `The median detection score of its cells is ${medianScore.toFixed(2)}. `;
  const candidates =
    weakCandidates === 1 ? '1 candidate has a detection score' : `${weakCandidates} candidates have detection scores`;
  return `${median}${candidates} between ${recorded} and ${confidence} and ${weakCandidates === 1 ? 'is' : 'are'} not counted.`;
}

function rounded(value: number): number {
  return Math.round(value * 1e4) / 1e4;
}

/** Fraction of an image per class. */
export interface ClassArea {
  readonly value: number;
  readonly name: string;
  readonly pixels: number;
  /** Of all pixels of the image, 0 to 1. */
  readonly share: number;
  /** Missing where the size of a pixel is not known. */
  readonly mm2?: number;
}

/**
 * Counts the pixels of every class.
 *
 * @param mpp - µm per px.
 * @returns The classes that occur, by value.
 */
export function classAreas(labels: Uint8Array, classes: TissueClasses, mpp?: number): ClassArea[] {
  const counts = new Float64Array(256);
  for (const label of labels) counts[label] = (counts[label] ?? 0) + 1;
  return areasOf(counts, labels.length, classes, mpp);
}

/**
 * What the pixels of every class come to.
 *
 * @param counts - Pixels of each value.
 * @param total - Pixels that shares are of.
 * @param mpp - µm per px.
 */
export function areasOf(counts: Float64Array, total: number, classes: TissueClasses, mpp?: number): ClassArea[] {
  return Array.from(counts, (pixels, value) => ({ pixels, value }))
    .filter(({ pixels }) => pixels > 0)
    .map(({ pixels, value }) => ({
      value,
      name: classes.get(value)?.name ?? `class ${value}`,
      pixels,
      share: pixels / total,
      ...(mpp !== undefined && { mm2: (pixels * mpp * mpp) / 1e6 }),
    }));
}
