import type { ReaderAnnotations } from '../dataset/readers-annotations.ts';
import type { CellPoint } from '../metrics/points-file.ts';
import type { JudgedImage } from './judge-cells.ts';
import type { TumourProportion } from './verdict-file.ts';

/** Class indices of the tumour cells. */
export interface TumourClasses {
  readonly positive: number;
  readonly negative: number;
}

const DEFINITION =
  'Tumour proportion score: PD-L1 positive tumour cells among all tumour cells, in percent, ' +
  'counted in the ROI and not over the whole slide; ' +
  'all points of a reader count, but only those points of the AI that are in the annotated box.';

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
