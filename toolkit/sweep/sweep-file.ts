import { z } from 'zod';

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
