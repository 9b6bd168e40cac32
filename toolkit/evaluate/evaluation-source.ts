import { z } from 'zod';
import { Sha256 } from '../brands.ts';

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
