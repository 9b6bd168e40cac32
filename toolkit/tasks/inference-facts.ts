import { z } from 'zod';

/** What a cache entry says of the inference of an ROI, whatever the task. */
export const InferenceFacts = z.object({
  width: z.number().int(),
  height: z.number().int(),
  provider: z.string(),
  fallbacks: z.array(z.string()),
  instructionSet: z.string(),
  tiles: z.number().int(),
  seconds: z.number(),
  notes: z.array(z.string()),
});

/** Rows of counts; `ConfusionMatrix.fromRows` looks at each of them, which is not done twice for every ROI. */
export const Rows = z.custom<number[][]>(
  (rows) => Array.isArray(rows) && rows.every(Array.isArray),
  'expected rows of counts',
);
