import { z } from 'zod';
import { CELL_TASKS, TISSUE_TASKS } from '../../config/tasks.ts';
import { counted } from '../format.ts';
import { AdapterNames, PRECISIONS, SumsChoice } from '../onnx/session/engine-choice.ts';
import { MaskComparison, PointsComparison } from './compare-roi.ts';

/** How a result compares with the published one. */
export const Verdict = z.enum(['reproduced', 'within tolerance', 'differs', 'not comparable']);
export type Verdict = z.infer<typeof Verdict>;

const SEVERITY: Readonly<Record<Verdict, number>> = {
  'not comparable': 0,
  reproduced: 1,
  'within tolerance': 2,
  differs: 3,
};

/** Returns the worst of several verdicts; `not comparable` only if all are. */
export function mostSevere(verdicts: readonly Verdict[]): Verdict {
  return verdicts.reduce<Verdict>((worst, each) => (SEVERITY[each] > SEVERITY[worst] ? each : worst), 'not comparable');
}

/** A 95 % percentile interval. */
export const Interval = z.object({
  low: z.number(),
  high: z.number(),
  dropped: z.int().min(0).describe('Resamples left out because the class was empty in them'),
});
export type Interval = z.infer<typeof Interval>;

/** A published score, ours, and their difference. */
export const ComparedMetric = z.object({
  name: z.string(),
  truth: z
    .int()
    .min(0)
    .optional()
    .describe('Ground-truth pixels, or points of the reader, of the class; with 0 the numbers are null'),
  judged: z.boolean().describe('Whether it counts for the verdict'),
  published: z.number().nullable(),
  ours: z.number().nullable(),
  difference: z.number().nullable().describe('Reproduced minus published'),
  publishedInterval: Interval.optional(),
  oursInterval: Interval.optional(),
  differenceInterval: Interval.optional(),
});
export type ComparedMetric = z.infer<typeof ComparedMetric>;

/** Whether scoring the published predictions here gives their published scores. */
export const EvaluationVerdict = z.object({ verdict: Verdict, reason: z.string() });
export type EvaluationVerdict = z.infer<typeof EvaluationVerdict>;

/**
 * What explains the pixels in which two masks differ. `identical`: there are none. `ties`: rounding decides near ties.
 * `half precision`: the authors computed with it. `unexplained`: none of these.
 */
export const MaskExplanation = z.enum(['identical', 'ties', 'half precision', 'unexplained']);
export type MaskExplanation = z.infer<typeof MaskExplanation>;

const Expected = z.object({
  low: z.number(),
  high: z.number(),
  found: z.number().describe('Value for the published masks compared with the reproduced ones'),
  within: z.boolean(),
});

/** 95 % prediction intervals of repeated runs in half precision, and whether the published masks are in them. */
const HalfPrecisionComparison = z.object({
  runs: z.int(),
  differingFraction: Expected,
  largestConfidence: Expected,
  diceDifference: Expected,
});
export type HalfPrecisionComparison = z.infer<typeof HalfPrecisionComparison>;

/**
 * What explains the points in which an image differs. `identical`: there are none. `near the threshold`: their
 * detection scores are. `moved`: they are shifted within the tolerance. `few points`: few are missing or additional.
 * `changed settings`: this run's settings are not those of the published points. `other settings`: other settings of
 * the authors explain them. `unexplained`: none of these.
 */
export const PointsExplanation = z.enum([
  'identical',
  'near the threshold',
  'moved',
  'few points',
  'changed settings',
  'other settings',
  'unexplained',
]);
export type PointsExplanation = z.infer<typeof PointsExplanation>;

const RoiVerdict = z.object({
  roi: z.string(),
  verdict: Verdict,
  reason: z.string().optional().describe('Why it cannot be compared, or a remark'),
  difference: z.number().min(0).max(1).nullable().describe('Share of pixels, or of points, that differ'),
});

export const Worst = z
  .array(z.object({ roi: z.string(), difference: z.number() }))
  .describe('Those that differ, worst first');

export const HeRoiVerdict = RoiVerdict.extend({
  comparison: MaskComparison.omit({ between: true }).optional(),
  explanation: MaskExplanation.optional(),
  published: z.number().optional().describe('Overall Dice of the published mask'),
  ours: z.number().optional().describe('Overall Dice of the reproduced mask'),
});
export type HeRoiVerdict = z.infer<typeof HeRoiVerdict>;

const Side = z.object({ name: z.string(), published: z.number().nullable(), ours: z.number().nullable() });

/** Scores of the ROIs that share a value in a column of the overview; descriptive only. */
export const Breakdown = z.object({
  column: z.string(),
  value: z.string(),
  rois: z.int().min(0),
  patients: z.int().min(0),
  metrics: z.array(Side),
});
export type Breakdown = z.infer<typeof Breakdown>;

/** How the intervals were computed. The draws are in `verdict/<task>.resamples.npy`, the counts in `.patients.json`. */
export const Uncertainty = z.object({
  patients: z.int().min(0),
  cohorts: z
    .record(z.string(), z.int().min(0))
    .optional()
    .describe('Patients with images of each group of readers; missing where there are no groups'),
  resamples: z.int().min(0),
  seed: z.int().min(0),
  generator: z.string(),
  level: z.literal(0.95),
});
export type Uncertainty = z.infer<typeof Uncertainty>;

/** `verdict/<task>.patients.json`: what the intervals are computed from. */
export const PatientsFile = z.object({
  matrices: z.array(z.string()).describe('Names of the matrices whose counts follow each other'),
  side: z.int().min(1).describe('Rows, and columns, of each'),
  patients: z
    .array(
      z.object({
        id: z.string(),
        rois: z.array(z.string()),
        published: z.array(z.int().min(0)),
        ours: z.array(z.int().min(0)),
      }),
    )
    .describe('By id'),
});
export type PatientsFile = z.infer<typeof PatientsFile>;

/** Share of positive tumour cells, in percent; null without tumour cells. */
const Score = z.number().min(0).max(100).nullable();

export const TumourProportion = z.object({
  definition: z.string(),
  use: z.literal('for research only'),
  rois: z.array(z.object({ roi: z.string(), readers: z.record(z.string(), Score), published: Score, ours: Score })),
  readers: z
    .array(
      z.object({
        reader: z.string(),
        rois: z.int().min(0).describe('Images on which both have a score'),
        meanDifference: z.number().nullable().describe('Reproduced AI minus reader, percentage points'),
        meanAbsoluteDifference: z.number().nullable().describe('Percentage points'),
        publishedMeanDifference: z.number().nullable(),
        publishedMeanAbsoluteDifference: z.number().nullable(),
        sameCategory: z.int().min(0).describe('Images in the same of < 1 %, 1 to 49 %, >= 50 %'),
      }),
    )
    .describe('The AI against every reader'),
});
export type TumourProportion = z.infer<typeof TumourProportion>;

/** What the networks of a task ran on, including those whose results came from the cache. */
export const VerdictEngine = z.object({
  model: z.string().describe('Digest of the converted model'),
  provider: z.string().describe('ONNX Runtime execution provider'),
  ...AdapterNames.shape,
  ortVersion: z.string(),
  engine: z.string(),
  precision: z.enum(PRECISIONS).describe('What the networks multiplied in'),
  batchSize: SumsChoice.shape.batchSize,
});
export type VerdictEngine = z.infer<typeof VerdictEngine>;

const Dice = z.object({ overall: z.number(), perClass: z.record(z.string(), z.number()) });

/** Annotated pixels without a prediction, and Dice if these count as missed. */
const WithoutPrediction = z.object({
  annotated: z.int().min(0),
  pixels: z.int().min(0).describe('Annotated pixels predicted Unannotated or as no label'),
  share: z.number().min(0).max(1),
  all: Dice,
  til: Dice,
});

/** `verdict/<task>.json` of a tissue task in a results folder. */
export const HeVerdictFile = z.object({
  task: z.enum(TISSUE_TASKS),
  verdict: Verdict,
  evaluation: EvaluationVerdict,
  inference: z.object({
    verdict: Verdict,
    reason: z.string(),
    pooled: MaskComparison,
    explanation: MaskExplanation.optional(),
    halfPrecision: HalfPrecisionComparison.optional().describe('Present if the configuration has intervals'),
  }),
  dice: z.object({ all: z.array(ComparedMetric), til: z.array(ComparedMetric), between: z.array(ComparedMetric) }),
  withoutPrediction: z.object({ published: WithoutPrediction, ours: WithoutPrediction }).optional(),
  engine: VerdictEngine.optional(),
  uncertainty: Uncertainty.optional(),
  breakdown: z.array(Breakdown).describe('By source, organ, specimen, histology, scanner').default([]),
  warnings: z.array(z.string()),
  rois: z.array(HeRoiVerdict),
  worst: Worst,
});
export type HeVerdictFile = z.input<typeof HeVerdictFile>;

export const CellsRoiVerdict = RoiVerdict.extend({
  comparison: PointsComparison.optional(),
  explanation: PointsExplanation.optional(),
});
export type CellsRoiVerdict = z.infer<typeof CellsRoiVerdict>;

/** Settings that may have produced the published points, and how many of these they reproduce. */
export const Reading = z.object({
  name: z.enum(['settings in effect', 'declared settings']),
  tile: z.int(),
  confidence: z.number(),
  iou: z.number(),
  ours: z.int().min(0).describe('Points found with these settings'),
  published: z.int().min(0),
  matched: z.int().min(0),
  chosen: z.boolean().describe('Whether the verdict compares with the points of these settings'),
});
export type Reading = z.infer<typeof Reading>;

/** Macro F1 of a pair one of whose counts does not fit into 16 bits, for the published points. */
const OverflowingPair = z.object({
  name: z.string().describe('Group and pair, such as `RUMC: reader P1|AI`'),
  wrapped: z.number().describe('With counts modulo 65,536, as in the matrices of the authors'),
  unwrapped: z.number(),
});
export type OverflowingPair = z.infer<typeof OverflowingPair>;

/** The verdict on F1 values in print, with what decides whether they come from counts that wrapped. */
export const PrintedVerdict = EvaluationVerdict.extend({
  counts: z
    .enum(['wrapped', 'unwrapped'])
    .exactOptional()
    .describe('Counts that the values in print come from; missing where that makes no difference or neither fits'),
  overflowing: z.array(OverflowingPair).exactOptional().describe('Missing where every count fits into 16 bits'),
});
export type PrintedVerdict = z.infer<typeof PrintedVerdict>;

/** `verdict/<task>.json` of a cell task in a results folder. */
export const CellsVerdictFile = z.object({
  task: z.enum(CELL_TASKS),
  verdict: Verdict,
  evaluation: PrintedVerdict,
  inference: z.object({
    verdict: Verdict,
    reason: z.string(),
    pooled: PointsComparison,
    explanation: PointsExplanation.optional(),
  }),
  f1: z.array(ComparedMetric).describe('Every reader with the AI, macro and a class, in the order of the tree'),
  f1LowestIndex: z.array(ComparedMetric).describe('The same when equal distances are taken in the order of the file'),
  readings: z.array(Reading).optional().describe('Where more than one set of settings was tried'),
  readers: z
    .array(z.object({ group: z.string(), lowest: z.number(), highest: z.number() }))
    .describe('Macro F1 of reader and reader'),
  engine: VerdictEngine.optional(),
  uncertainty: Uncertainty.optional(),
  breakdown: z.array(Breakdown).describe('By source, organ, specimen, histology, scanner').default([]),
  tumourProportion: TumourProportion.optional().describe('Where the classes of tumour cells are known'),
  warnings: z.array(z.string()),
  rois: z.array(CellsRoiVerdict),
  worst: Worst,
});
export type CellsVerdictFile = z.input<typeof CellsVerdictFile>;

/** Maximum number of differing ROIs that are listed. */
const MAX_WORST_LISTED = 100;

/** Sorts ROIs by how much they differ, worst first; ties keep their order. */
export function worstFirst(
  rois: readonly { readonly roi: string; readonly difference: number | null }[],
): { roi: string; difference: number }[] {
  return rois
    .flatMap(({ roi, difference }) => (difference === null || difference === 0 ? [] : [{ roi, difference }]))
    .sort((a, b) => b.difference - a.difference)
    .slice(0, MAX_WORST_LISTED);
}

const MAX_NAMED = 3;

/**
 * Warns that a verdict covers only part of the test set if some ROIs could not be compared.
 *
 * @param rois - All ROIs of the test set.
 * @returns A warning; empty if all ROIs were compared, or none: then the verdict itself says so.
 */
export function partialCoverage(
  rois: readonly { readonly roi: string; readonly verdict: Verdict; readonly reason?: string | undefined }[],
): readonly string[] {
  const left = rois.filter(({ verdict }) => verdict === 'not comparable');
  if (left.length === 0 || left.length === rois.length) return [];
  const named = left.slice(0, MAX_NAMED).map(({ roi, reason }) => (reason === undefined ? roi : `${roi}: ${reason}`));
  const more = left.length - named.length;
  return [
    `WARNING: The verdict covers only ${rois.length - left.length} of ${counted(rois.length, 'ROI')}. Not compared: ` +
      `${named.join(' ')}${more > 0 ? ` And ${more} more.` : ''}`,
  ];
}
