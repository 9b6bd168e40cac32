import type { TissueClasses } from '../models/class-colours.ts';
import type { CandidatesFile } from '../yolo/detect/candidates-file.ts';

/** Confidence below which a pixel is unclear: best minus second-best mean softmax, 0 to 1. */
const UNCLEAR = 0.1;
/** Value that means a confidence of 1 in 16-bit confidence maps. */
const FULL = 65_535;

/** Confidence of a segmentation. */
export interface TissueCertainty {
  /** Median over all pixels of the best minus the second-best mean softmax, 0 to 1. */
  readonly medianConfidence: number;
  /** Share of pixels whose confidence is below 0.1. */
  readonly unclearShare: number;
}

/** Summarises a confidence map. @param map - 65535 times the confidence of every pixel. */
export function tissueCertainty(map: Uint16Array): TissueCertainty {
  const counts = new Float64Array(FULL + 1);
  for (const confidence of map) counts[confidence] = (counts[confidence] ?? 0) + 1;
  return tissueCertaintyOf(counts);
}

/** Summarises a histogram of confidence. @param counts - Pixels per value; the last value means a confidence of 1. */
export function tissueCertaintyOf(counts: Float64Array): TissueCertainty {
  const full = counts.length - 1;
  const total = counts.reduce((sum, count) => sum + count, 0);
  let [unclear, below, median] = [0, 0, 0];
  for (const [confidence, count] of counts.entries()) {
    if (confidence < UNCLEAR * full) unclear += count;
    if (below <= total / 2 && below + count > total / 2) median = confidence;
    below += count;
  }
  return { medianConfidence: rounded(median / full), unclearShare: rounded(total === 0 ? 0 : unclear / total) };
}

export function tissueCertaintyNote({ medianConfidence, unclearShare }: TissueCertainty): string {
  return `${(100 * unclearShare).toFixed(1)} % of its pixels are unclear (confidence below ${UNCLEAR}); the median confidence is ${medianConfidence.toFixed(2)}.`;
}

/** Confidence of a cell detection. */
export interface CellCertainty {
  /** Median detection score of the cells; missing if there are none. */
  readonly medianScore?: number;
  /** Candidates in the image that were recorded, but whose detection score does not exceed the confidence threshold. */
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

/** Describes the detection scores, in one sentence each; leaves out what nothing can be said about. */
export function cellCertaintyNotes(
  { medianScore, weakCandidates }: CellCertainty,
  { recorded, confidence }: Pick<CandidatesFile, 'recorded' | 'confidence'>,
): readonly string[] {
  const median =
    medianScore === undefined ? [] : [`The median detection score of its cells is ${medianScore.toFixed(2)}.`];
  // Candidates are recorded down to the threshold only.
  if (recorded >= confidence) return median;
  const candidates =
    weakCandidates === 1 ? '1 candidate has a detection score' : `${weakCandidates} candidates have detection scores`;
  const uncounted = `${candidates} between ${recorded} and ${confidence} and ${weakCandidates === 1 ? 'is' : 'are'} not counted.`;
  return [[...median, uncounted].join(' ')];
}

function rounded(value: number): number {
  return Math.round(value * 1e4) / 1e4;
}

/** Area of one class in an image. */
export interface ClassArea {
  readonly value: number;
  readonly name: string;
  readonly pixels: number;
  /** Share of the image, 0 to 1. */
  readonly share: number;
  /** Missing if the pixel size is unknown. */
  readonly mm2?: number;
}

/**
 * Counts the pixels of every class.
 *
 * @param mpp - µm per px.
 * @returns The classes that occur, sorted by value.
 */
export function classAreas(labels: Uint8Array, classes: TissueClasses, mpp?: number): ClassArea[] {
  const counts = new Float64Array(256);
  for (const label of labels) counts[label] = (counts[label] ?? 0) + 1;
  return areasOf(counts, labels.length, classes, mpp);
}

/**
 * Computes the area of every class that occurs.
 *
 * @param counts - Number of pixels per value.
 * @param total - Number of pixels that shares refer to.
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
