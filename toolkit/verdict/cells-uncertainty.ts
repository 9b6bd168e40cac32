import type { VerdictConfig } from '../../config/verdict-config.ts';
import type { ReaderAnnotations } from '../dataset/readers-annotations.ts';
import { cellDefinition } from '../tasks/registry.ts';
import { cellsCounts } from './cells-counts.ts';
import type { JudgedImage } from './judge-cells.ts';
import { countsByPatient, type OverviewByStem } from './patients.ts';
import { resampledIntervals } from './resampled-intervals.ts';
import { tumourProportion } from './tumour-proportion.ts';
import { breakdownOf, drawFor, type ResampleEvidence } from './uncertainty.ts';
import type { CellsVerdictFile } from './verdict-file.ts';

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
