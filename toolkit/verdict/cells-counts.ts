import type { CellPoint } from '../dataset/cell-point.ts';
import type { ReaderAnnotations } from '../dataset/readers-annotations.ts';
import { AI, evaluateDetection } from '../metrics/agreement.ts';
import { agreementScores, pairName } from '../metrics/agreement-metrics.ts';
import { ConfusionMatrix } from '../metrics/confusion-matrix.ts';
import type { RoiCounts } from './patients.ts';
import type { Measure } from './resampled-intervals.ts';

/**
 * Returns a function that computes F1 of every pair from its confusion matrix: the mean over the classes, then each
 * class. The F1 of a class is null if the first reader of the pair has no point of it; the mean is null if that is so
 * for any class in `present`.
 *
 * @param classes - Number of classes; a matrix has one more row and column, for points without a counterpart.
 * @param present - For every pair, the classes that its first reader has in some image.
 * @param groups - For every pair, the group of its reader.
 */
export function measureCells(
  classes: number,
  present: readonly ReadonlySet<number>[],
  groups: readonly string[],
): Measure {
  const length = (classes + 1) ** 2;
  const matrixOf = (counts: Float64Array, pair: number) =>
    new ConfusionMatrix(classes + 1, counts.subarray(pair * length, (pair + 1) * length));
  const measure = (counts: Float64Array) =>
    present.flatMap((needed, pair) => {
      const confusion = matrixOf(counts, pair);
      const { f1, macro } = agreementScores(confusion);
      const isEmpty = (label: number) => confusion.rowSum(label) === 0;
      const isMacroEmpty = needed.size === 0 || [...needed].some(isEmpty);
      return [isMacroEmpty ? null : macro.f1, ...f1.map((value, label) => (isEmpty(label) ? null : value))];
    });
  const support = (counts: Float64Array) =>
    present.flatMap((_, pair) => {
      const confusion = matrixOf(counts, pair);
      const ofClasses = Array.from({ length: classes }, (__, label) => confusion.rowSum(label) > 0);
      return [confusion.total() > 0, ...ofClasses];
    });
  const cohorts = groups.flatMap((group) => new Array<string>(classes + 1).fill(group));
  return Object.assign(measure, { support, cohorts });
}

/** Returns the cells found in an image, given its stem. */
export type FoundPoints = (stem: string) => readonly CellPoint[] | undefined;

/** Agreement counts of each reader with the AI, per image, so that images can be resampled. */
export interface CellsCounts {
  readonly rois: readonly RoiCounts[];
  /** Group and pair of each matrix in the counts of an image, such as `RUMC: reader R1|AI`. */
  readonly pairs: readonly string[];
  /** Rows, and columns, of each matrix. */
  readonly side: number;
  readonly measure: Measure;
  /** Names of the values that `measure` returns, such as `RUMC: reader R1|AI, macro`. */
  readonly names: readonly string[];
}

/**
 * Counts the confusion matrix of each reader against both sets of predictions, per image. All zeros where a reader did
 * not annotate the image.
 *
 * @param annotations - Annotations of the images to count.
 */
export function cellsCounts(
  annotations: ReaderAnnotations,
  { published, ours }: { readonly published: FoundPoints; readonly ours: FoundPoints },
): CellsCounts {
  const pairsOf = (points: FoundPoints) => evaluateDetection({ task: annotations.task, annotations, points }).pairs;
  const [theirs, mine] = [pairsOf(published), pairsOf(ours)];
  const keys = annotations.groups.flatMap(({ name, readers }) =>
    readers.map((reader) => ({ group: name, pair: pairName(reader, AI) })),
  );
  const side = [...mine.values()].flatMap(({ images }) => images)[0]?.confusion.size ?? 2;
  const ofRoi = (from: typeof mine, roi: string) =>
    keys.flatMap(({ pair }) => [
      ...(from
        .get(pair)
        ?.images.find((image) => image.roi === roi)
        ?.confusion.counts() ?? new Float64Array(side ** 2)),
    ]);
  const rois = annotations.images.map(
    ({ stem }): RoiCounts => ({ roi: stem, published: ofRoi(theirs, stem), ours: ofRoi(mine, stem) }),
  );
  const pairs = keys.map(({ group, pair }) => `${group}: ${pair}`);
  return {
    rois,
    pairs,
    side,
    measure: measureCells(
      side - 1,
      presentClasses(rois, pairs.length, side),
      keys.map(({ group }) => group),
    ),
    names: pairs.flatMap((pair) => [
      `${pair}, macro`,
      ...Array.from({ length: side - 1 }, (_, label) => `${pair}, class ${label}`),
    ]),
  };
}

/** Returns, for every pair, the classes that its reader has in some image. */
function presentClasses(rois: readonly RoiCounts[], pairs: number, side: number): ReadonlySet<number>[] {
  return Array.from({ length: pairs }, (_, pair) => {
    const present = new Set<number>();
    for (const { ours } of rois) {
      for (let entry = 0; entry < side * (side - 1); entry++) {
        if ((ours[pair * side * side + entry] ?? 0) > 0) present.add(Math.floor(entry / side));
      }
    }
    return present;
  });
}
