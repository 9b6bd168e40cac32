import type { VerdictConfig } from '../../config/verdict-config.ts';
import type { ReaderAnnotations } from '../dataset/readers-annotations.ts';
import { AI, evaluateDetection } from '../metrics/agreement.ts';
import { pairName } from '../metrics/agreement-metrics.ts';
import { breakdownOf } from './breakdown.ts';
import { measureCells } from './cells-measure.ts';
import type { JudgedImage } from './judge-cells.ts';
import { countsByPatient, type OverviewByStem, type RoiCounts } from './patients.ts';
import { resampledIntervals } from './resampled-intervals.ts';
import { tumourProportion } from './tumour-proportion.ts';
import { drawFor, type ResampleEvidence } from './uncertainty.ts';
import type { CellsVerdictFile } from './verdict-file.ts';

/**
 * Puts to a verdict on cells how sure its numbers are: intervals over patients, the breakdown by what the overview
 * says of images, and the tumour proportion score of PD-L1.
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
  const { pairs, side, rois } = countsOf(images, annotations);
  const patients = countsByPatient(rois, overview);
  const names = pairs.map(({ group, pair }) => `${group}: ${pair}`);
  const { uncertainty, warnings, ...evidence } = drawFor(patients, names, side, config);
  const present = presentClasses(rois, pairs.length, side);
  const measure = measureCells(side - 1, present);
  const measured = names.flatMap((name) => [
    `${name}, macro`,
    ...Array.from({ length: side - 1 }, (_, label) => `${name}, class ${label}`),
  ]);
  const intervals = new Map(
    resampledIntervals(patients, evidence.draws, measure).map((each, k) => [measured[k] ?? '', each]),
  );
  return {
    evidence,
    verdict: {
      ...verdict,
      f1: verdict.f1.map((metric) => ({ ...metric, ...intervals.get(metric.name) })),
      uncertainty,
      breakdown: breakdownOf(rois, overview, measured, measure),
      ...(verdict.task === 'pdl1' ? { tumourProportion: tumourProportion(images, annotations) } : {}),
      warnings: [...verdict.warnings, ...warnings],
    },
  };
}

/** The confusions of every reader with the AI, an image; zeros where a pair lacks the image. */
function countsOf(images: readonly JudgedImage[], annotations: ReaderAnnotations) {
  const compared = new Map(images.flatMap((image) => ('comparison' in image ? [[image.roi, image] as const] : [])));
  const known = { ...annotations, images: annotations.images.filter(({ stem }) => compared.has(stem)) };
  const pairsOf = (from: 'published' | 'ours') =>
    evaluateDetection({ task: annotations.task, annotations: known, points: (stem) => compared.get(stem)?.[from] })
      .pairs;
  const [theirs, mine] = [pairsOf('published'), pairsOf('ours')];
  const pairs = annotations.groups.flatMap(({ name, readers }) =>
    readers.map((reader) => ({ group: name, pair: pairName(reader, AI) })),
  );
  const side = [...mine.values()].flatMap(({ images: of }) => of)[0]?.confusion.size ?? 2;
  const ofRoi = (from: typeof mine, roi: string) =>
    pairs.flatMap(({ pair }) => [
      ...(from
        .get(pair)
        ?.images.find((image) => image.roi === roi)
        ?.confusion.counts() ?? new Float64Array(side ** 2)),
    ]);
  const rois = known.images.map(
    ({ stem }): RoiCounts => ({ roi: stem, published: ofRoi(theirs, stem), ours: ofRoi(mine, stem) }),
  );
  return { pairs, side, rois };
}

/** For every pair, the classes that its reader has in some image. */
function presentClasses(rois: readonly RoiCounts[], pairs: number, side: number): ReadonlySet<number>[] {
  return Array.from({ length: pairs }, (_, pair) => {
    const present = new Set<number>();
    for (const { ours } of rois) {
      for (let cell = 0; cell < side * (side - 1); cell++) {
        if ((ours[pair * side * side + cell] ?? 0) > 0) present.add(Math.floor(cell / side));
      }
    }
    return present;
  });
}
