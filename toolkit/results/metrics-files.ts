import { z } from 'zod';
import { Sha256 } from '../brands.ts';

const Values = z.array(z.number().nullable()).readonly();

/**
 * `metrics/<task>.sweep.json`: the scores of a run at every confidence threshold. Each list has one value per
 * threshold.
 */
export const SweepFile = z.object({
  confidence: z.number().describe('Confidence of the run'),
  paper: z.number().describe("Confidence in the authors' code"),
  iou: z.number().describe('IoU threshold of the run'),
  images: z.int().describe('Images that count'),
  thresholds: z.array(z.number()).readonly(),
  points: z.array(z.int()).readonly().describe('Points of the AI'),
  curves: z
    .array(
      z.object({
        group: z.string(),
        reader: z.string(),
        macro: Values.describe('F1 with the AI, mean over the classes'),
        perClass: z.array(Values).readonly(),
      }),
    )
    .readonly(),
  tumourProportion: z
    .object({
      mean: Values.describe('TPS of the AI in percent, mean over the images'),
      readers: z
        .array(z.object({ reader: z.string(), meanAbsoluteDifference: Values.describe('In percentage points') }))
        .readonly(),
    })
    .exactOptional(),
});
export type SweepFile = z.infer<typeof SweepFile>;

/** `metrics/<task>.source.json`: what an evaluation scored, so that two of them can be compared. */
export const EvaluationSource = z.object({
  data: z.string().describe('Absolute data folder'),
  predictions: z.string().describe('Absolute folder of the predictions'),
  files: z
    .record(z.string(), Sha256)
    .exactOptional()
    .describe('SHA-256 of each scored file, by file name; missing if an earlier version scored them'),
  truth: z
    .record(z.string(), Sha256)
    .exactOptional()
    .describe('SHA-256 of the ground truth of each ROI or image; missing if an earlier version scored them'),
  classes: z.array(z.string()).exactOptional().describe('Classes named with --classes'),
  categories: z.enum(['by-id', 'by-name']).exactOptional(),
  labels: z
    .array(z.int().nullable())
    .exactOptional()
    .describe("Label of the paper for each of the 256 values of a mask, where the masks' values are not the paper's"),
});
export type EvaluationSource = z.infer<typeof EvaluationSource>;
