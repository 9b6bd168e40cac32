import type { VerdictConfig } from '../../config/verdict-config.ts';
import type { OverviewByStem } from '../dataset/overview.ts';
import type { ReaderAnnotations } from '../dataset/readers-annotations.ts';
import { AI, agreementScores, evaluateDetection, pairName } from '../metrics/agreement.ts';
import { ConfusionMatrix } from '../metrics/confusion-matrix.ts';
import type { CellPoint } from '../metrics/points-file.ts';
import { cellDefinition } from '../tasks/registry.ts';
import type { JudgedImage } from './judge-cells.ts';
import { countsByPatient, type Measure, type RoiCounts, resampledIntervals } from './resampled-intervals.ts';
import { breakdownOf, drawFor, type ResampleEvidence } from './uncertainty.ts';
import type { CellsVerdictFile, TumourProportion } from './verdict-file.ts';

/**
 * Adds to a verdict on cells the confidence intervals over patients, the breakdown by columns of the overview, and the
 * tumour proportion score of PD-L1.
 */
export function addCellsUncertainty(
  verdict: CellsVerdictFile,
  {
    images,
    annotations,
    overview,
    config,
  }: {
    readonly images: readonly JudgedImage[];
    readonly annotations: ReaderAnnotations;
    readonly overview: OverviewByStem;
    readonly config: VerdictConfig;
  },
): { readonly verdict: CellsVerdictFile; readonly evidence: ResampleEvidence } {
  const compared = new Map(images.flatMap((image) => (image.kind === 'compared' ? [[image.roi, image] as const] : [])));
  const known = { ...annotations, images: annotations.images.filter(({ stem }) => compared.has(stem)) };
  const { rois, pairs, side, measure, names } = cellsCounts(known, {
    published: (stem) => compared.get(stem)?.published,
    ours: (stem) => compared.get(stem)?.ours,
  });
  const patients = countsByPatient(rois, overview);
  const { uncertainty, warnings, ...evidence } = drawFor(patients, pairs, side, measure, config);
  const intervals = new Map(
    resampledIntervals(patients, evidence.draws, measure).map((each, k) => [names[k] ?? '', each]),
  );
  return {
    evidence,
    verdict: {
      ...verdict,
      f1: verdict.f1.map((metric) => ({ ...metric, ...intervals.get(metric.name) })),
      uncertainty,
      breakdown: breakdownOf(rois, overview, names, measure),
      ...proportionOf(images, annotations),
      warnings: [...verdict.warnings, ...warnings],
    },
  };
}

/** Computes the tumour proportion score if the task's definition names the classes of tumour cells. */
function proportionOf(
  images: readonly JudgedImage[],
  annotations: ReaderAnnotations,
): Pick<CellsVerdictFile, 'tumourProportion'> {
  const { classes, tumourProportion: named } = cellDefinition(annotations.task);
  if (named === undefined) return {};
  const of = { positive: classes.indexOf(named.positive), negative: classes.indexOf(named.negative) };
  return { tumourProportion: tumourProportion(images, annotations, of) };
}

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
type FoundPoints = (stem: string) => readonly CellPoint[] | undefined;

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

/** Class indices of the tumour cells. */
interface TumourClasses {
  readonly positive: number;
  readonly negative: number;
}

const DEFINITION =
  'Tumour proportion score: PD-L1 positive tumour cells among all tumour cells, in percent, ' +
  'counted in the ROI and not over the whole slide; ' +
  'all points of a reader count, but only those points of the AI that are in the annotated area of the ROI.';

/** Bounds of the categories < 1 %, 1 to 49 %, >= 50 %. */
const CATEGORIES = [1, 50];

/** Computes the percentage of tumour cells that are positive; null if there are no tumour cells. */
export function scoreOf(points: readonly CellPoint[], { positive: yes, negative: no }: TumourClasses): number | null {
  const of = (label: number) => points.filter((point) => point.class === label).length;
  const positive = of(yes);
  const tumour = positive + of(no);
  return tumour === 0 ? null : (100 * positive) / tumour;
}

/** Computes the tumour proportion score of readers and AI per image, and how much they differ. */
export function tumourProportion(
  images: readonly JudgedImage[],
  annotations: ReaderAnnotations,
  classes: TumourClasses,
): TumourProportion {
  const compared = new Map(images.flatMap((image) => (image.kind === 'compared' ? [[image.roi, image] as const] : [])));
  const readers = annotations.groups.flatMap((group) => group.readers);
  const rois = annotations.images.flatMap(({ id, stem }) => {
    const image = compared.get(stem);
    if (image === undefined) return [];
    const ofReaders = readers.flatMap((reader) => {
      const points = annotations.points.get(reader)?.get(id);
      return points === undefined ? [] : [[reader, scoreOf(points, classes)] as const];
    });
    const sides = { published: scoreOf(image.published, classes), ours: scoreOf(image.ours, classes) };
    return [{ roi: stem, readers: Object.fromEntries(ofReaders), ...sides }];
  });
  return {
    definition: DEFINITION,
    use: 'for research only',
    rois,
    readers: readers.map((reader) => {
      const ours = scoredByBoth(rois, reader, 'ours');
      const published = scoredByBoth(rois, reader, 'published').map(([ai, score]) => ai - score);
      const differences = ours.map(([ai, score]) => ai - score);
      return {
        reader,
        rois: ours.length,
        meanDifference: mean(differences),
        meanAbsoluteDifference: mean(differences.map(Math.abs)),
        publishedMeanDifference: mean(published),
        publishedMeanAbsoluteDifference: mean(published.map(Math.abs)),
        sameCategory: ours.filter(([ai, score]) => categoryOf(ai) === categoryOf(score)).length,
      };
    }),
  };
}

function scoredByBoth(
  rois: TumourProportion['rois'],
  reader: string,
  side: 'ours' | 'published',
): [ai: number, reader: number][] {
  return rois.flatMap((roi): [number, number][] => {
    const [ai, score] = [roi[side], roi.readers[reader] ?? null];
    return ai === null || score === null ? [] : [[ai, score]];
  });
}

function categoryOf(score: number): number {
  return CATEGORIES.filter((bound) => score >= bound).length;
}

function mean(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}
