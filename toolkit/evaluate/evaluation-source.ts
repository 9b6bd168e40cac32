import { z } from 'zod';

/** `metrics/<task>.source.json`: what an evaluation scored, so that two of them can be compared. */
export const EvaluationSource = z.object({
  data: z.string().describe('Absolute data folder'),
  predictions: z.string().describe('Absolute folder of the predictions'),
  categories: z.enum(['by-id', 'by-name']).exactOptional(),
  labels: z
    .array(z.int().nullable())
    .exactOptional()
    .describe("Label of the paper for each of the 256 values of a mask, where the masks' values are not the paper's"),
});
export type EvaluationSource = z.infer<typeof EvaluationSource>;
