import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { MaskComparison } from './compare-masks.ts';
import { Verdict } from './verdict.ts';

/** A 95 % interval; absent where there is nothing to resample. */
export const Interval = z.object({
  low: z.number(),
  high: z.number(),
  dropped: z.int().min(0).describe('Resamples left out because the class was empty in them'),
});
export type Interval = z.infer<typeof Interval>;

/** A number that was published, ours, and what lies between them. */
export const ComparedMetric = z.object({
  name: z.string(),
  truth: z.int().min(0).optional().describe('Truth pixels of the class'),
  judged: z.boolean().describe('Whether it counts for the verdict'),
  published: z.number().nullable(),
  ours: z.number().nullable(),
  difference: z.number().nullable().describe('Ours minus published'),
  publishedInterval: Interval.optional(),
  oursInterval: Interval.optional(),
  differenceInterval: Interval.optional(),
});
export type ComparedMetric = z.infer<typeof ComparedMetric>;

/** The published predictions, scored here, against what is published of their scores. */
export const EvaluationVerdict = z.object({ verdict: Verdict, reason: z.string() });
export type EvaluationVerdict = z.infer<typeof EvaluationVerdict>;

const RoiVerdict = z.object({
  roi: z.string(),
  verdict: Verdict,
  reason: z.string().optional().describe('Why it cannot be compared, or what is said of it besides'),
  difference: z.number().min(0).max(1).nullable().describe('Share of pixels, or of points, that differ'),
});

const Worst = z.array(z.object({ roi: z.string(), difference: z.number() })).describe('Those that differ, worst first');

export const HeRoiVerdict = RoiVerdict.extend({
  comparison: MaskComparison.omit({ between: true }).optional(),
  published: z.number().optional().describe('Overall Dice of the published mask'),
  ours: z.number().optional().describe('Overall Dice of ours'),
});
export type HeRoiVerdict = z.infer<typeof HeRoiVerdict>;

/** `verdict/he.json` of a results folder. */
export const HeVerdictFile = z.object({
  task: z.literal('he'),
  verdict: Verdict,
  evaluation: EvaluationVerdict,
  inference: z.object({ verdict: Verdict, reason: z.string(), pooled: MaskComparison }),
  dice: z.object({ all: z.array(ComparedMetric), til: z.array(ComparedMetric), between: z.array(ComparedMetric) }),
  warnings: z.array(z.string()),
  rois: z.array(HeRoiVerdict),
  worst: Worst,
});
export type HeVerdictFile = z.infer<typeof HeVerdictFile>;

export const PointsComparison = z.object({
  ours: z.int().min(0),
  published: z.int().min(0),
  matched: z.int().min(0).describe('Pairs of one class within the wide tolerance, nearest first'),
  farthest: z.number().min(0).describe('Largest distance within a pair, px'),
  extra: z.int().min(0).describe('Points of ours without counterpart'),
  missing: z.int().min(0).describe('Published points without counterpart'),
  unexplained: z
    .int()
    .min(0)
    .describe('Points beyond the narrow tolerance whose score is not near the threshold, of both sides'),
});
export type PointsComparison = z.infer<typeof PointsComparison>;

export const CellsRoiVerdict = RoiVerdict.extend({ comparison: PointsComparison.optional() });
export type CellsRoiVerdict = z.infer<typeof CellsRoiVerdict>;

/** `verdict/nuclei.json` and `verdict/pdl1.json` of a results folder. */
export const CellsVerdictFile = z.object({
  task: z.enum(['nuclei', 'pdl1']),
  verdict: Verdict,
  evaluation: EvaluationVerdict,
  inference: z.object({ verdict: Verdict, reason: z.string(), pooled: PointsComparison }),
  f1: z.array(ComparedMetric).describe('Every reader with the AI, macro and a class, in the order of the tree'),
  f1LowestIndex: z.array(ComparedMetric).describe('The same when equal distances are taken in the order of the file'),
  readers: z
    .array(z.object({ group: z.string(), lowest: z.number(), highest: z.number() }))
    .describe('Macro F1 of reader and reader'),
  warnings: z.array(z.string()),
  rois: z.array(CellsRoiVerdict),
  worst: Worst,
});
export type CellsVerdictFile = z.infer<typeof CellsVerdictFile>;

/** What is listed of the ROIs that differ. */
const LONGEST_WORST = 100;

/** ROIs by how much they differ, worst first; equal ones in their order. */
export function worstFirst(
  rois: readonly { readonly roi: string; readonly difference: number | null }[],
): { roi: string; difference: number }[] {
  return rois
    .flatMap(({ roi, difference }) => (difference === null || difference === 0 ? [] : [{ roi, difference }]))
    .sort((a, b) => b.difference - a.difference)
    .slice(0, LONGEST_WORST);
}

/**
 * The ROIs of a task that differ, worst first, as its verdict file has them.
 *
 * @param results - A results folder whose task was judged.
 */
export async function readWorst(results: string, task: string): Promise<z.infer<typeof Worst>> {
  const text = await readFile(join(results, 'verdict', `${task}.json`), 'utf8');
  return z.object({ worst: Worst }).parse(JSON.parse(text)).worst;
}
