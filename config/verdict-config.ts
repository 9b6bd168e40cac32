import { z } from 'zod';
import { CELL_TASKS, perTask } from './tasks.ts';

const share = (fallback: number, text: string) =>
  z.number().min(0).max(1).default(fallback).describe(`${text} Share, 0 to 1. Default: ${fallback}.`);

const pixels = (fallback: number, text: string) =>
  z.number().min(0).max(1_000).default(fallback).describe(`${text} Unit: px. Default: ${fallback}.`);

const HeTolerances = z
  .strictObject({
    sameDiffering: share(1e-4, '`reproduced`: at most so many of the compared pixels differ.'),
    sameMargin: share(1e-4, '`reproduced`: the largest margin of a differing pixel (best minus second-best softmax).'),
    nearDiffering: share(5e-3, '`within tolerance`: at most so many of the compared pixels differ.'),
    nearMargin: share(0.02, '`within tolerance`: the margin that `nearMarginShare` of the differing pixels keep to.'),
    nearMarginShare: share(0.99, '`within tolerance`: so many of the differing pixels have a margin of `nearMargin`.'),
    halfPrecisionMargin: share(
      0.01,
      'Largest margin of a pixel that computing in half precision, as the authors did, may turn to another label; ' +
        'measured were 0.0045 and less.',
    ),
    nearDice: share(
      5e-3,
      '`within tolerance`: the largest difference of a Dice over all ROIs, unless half precision explains it.',
    ),
    smallClass: z
      .number()
      .int()
      .min(0)
      .default(10_000)
      .describe('Classes of fewer truth pixels are reported, not judged. Unit: px. Default: 10000.'),
  })
  .describe('When H&E masks agree.');

const CellTolerances = z
  .strictObject({
    sameDistance: pixels(0.02, '`reproduced`: the largest distance of a point from its counterpart.'),
    sameScore: share(1e-4, '`reproduced`: a point without counterpart has a score so near to the threshold.'),
    nearDistance: pixels(2, '`within tolerance`: the largest distance of a point from its counterpart, of its class.'),
    nearMatched: share(0.99, '`within tolerance`: so many of the points have a counterpart.'),
    nearF1: share(0.01, '`within tolerance`: the largest difference of an F1 between a reader and the AI.'),
  })
  .describe('When detected cells agree.');

const PublishedF1 = z
  .record(z.string(), z.number().min(0).max(1))
  .describe('By pair, such as "reader R1|AI": the macro F1 that was published, two decimals.');

/** When a task counts as reproduced. */
export const VerdictConfig = z
  .strictObject({
    he: HeTolerances.prefault({}),
    cells: CellTolerances.prefault({}),
    published: z
      .strictObject(perTask(CELL_TASKS, () => PublishedF1.optional()))
      .default({})
      .describe('Numbers that were published in print only. Default: none.'),
    resamples: z
      .number()
      .int()
      .min(100)
      .max(100_000)
      .default(2_000)
      .describe('Resamples of patients behind every interval. 100 to 100000. Default: 2000.'),
    seed: z
      .number()
      .int()
      .min(0)
      .max(2 ** 32 - 1)
      .default(15_674_785)
      .describe('Seed of the resamples. 0 to 4294967295. Default: 15674785.'),
  })
  .describe('When a task counts as reproduced, and how sure the numbers are.');
export type VerdictConfig = z.infer<typeof VerdictConfig>;
