import { z } from 'zod';
import { CELL_TASKS, perTask } from './tasks.ts';

const fraction = (fallback: number, text: string) =>
  z.number().min(0).max(1).default(fallback).describe(`${text} Fraction, 0 to 1. Default: ${fallback}.`);

const pixels = (fallback: number, text: string) =>
  z.number().min(0).max(1_000).default(fallback).describe(`${text} Unit: px. Default: ${fallback}.`);

const end = (text: string) => z.number().min(0).max(1).describe(`${text} Fraction, 0 to 1.`);

const fractionRange = (text: string) =>
  z
    .strictObject({
      low: end(`Lower end of a 95 % prediction interval. ${text}`),
      high: end(`Upper end of a 95 % prediction interval. ${text}`),
    })
    .describe(text);

const HalfPrecision = z
  .strictObject({
    runs: z
      .number()
      .int()
      .min(2)
      .max(20)
      .describe('Number of runs in half precision from which the intervals were measured. 2 to 20.'),
    differingFraction: fractionRange('Fraction of the pixels that differ from single precision.'),
    largestConfidence: fractionRange('Largest confidence of a differing pixel.'),
    diceDifference: fractionRange('Largest difference in Dice over all ROIs.'),
  })
  .describe(
    '95 % prediction intervals of repeated runs in half precision, as scripts/verdict/half-precision.ts measures them. ' +
      'Differences within them are explained by half precision.',
  );
export type HalfPrecision = z.infer<typeof HalfPrecision>;

const HeTolerances = z
  .strictObject({
    reproduced: z
      .strictObject({
        maxDifferingFraction: fraction(1e-4, 'Largest fraction of the compared pixels that may differ.'),
        maxConfidence: fraction(
          1e-4,
          'Largest confidence of a differing pixel: the gap between its two largest class probabilities.',
        ),
      })
      .prefault({})
      .describe('When a task counts as `reproduced`.'),
    tolerance: z
      .strictObject({
        maxDifferingFraction: fraction(5e-3, 'Largest fraction of the compared pixels that may differ.'),
        maxConfidence: fraction(0.02, 'Confidence up to which a differing pixel counts as low in confidence.'),
        minLowConfidenceFraction: fraction(
          0.99,
          'Smallest fraction of the differing pixels whose confidence is at most `maxConfidence`.',
        ),
        maxDiceDifference: fraction(
          5e-3,
          'Largest difference in Dice over all ROIs, unless near ties or half precision explain it.',
        ),
      })
      .prefault({})
      .describe('When a task counts as `within tolerance`.'),
    maxHalfPrecisionConfidence: fraction(
      0.01,
      'Largest confidence of a pixel whose label may change when computing in half precision, as the authors did; ' +
        '0.010 is the largest value measured on the test records.',
    ),
    halfPrecision: HalfPrecision.optional(),
    minClassPixels: z
      .number()
      .int()
      .min(0)
      .default(10_000)
      .describe(
        'Classes with fewer ground-truth pixels are reported but do not affect the verdict. Unit: px. Default: 10000.',
      ),
  })
  .describe('When H&E masks agree.');

const CellTolerances = z
  .strictObject({
    reproduced: z
      .strictObject({
        maxDistance: pixels(0.02, 'Largest distance between a point and its counterpart.'),
        maxScoreDifference: fraction(
          1e-4,
          'Largest difference between the detection score of a point without a counterpart and the confidence threshold.',
        ),
      })
      .prefault({})
      .describe('When a task counts as `reproduced`.'),
    tolerance: z
      .strictObject({
        maxDistance: pixels(2, 'Largest distance between a point and its counterpart of the same class.'),
        minMatchedFraction: fraction(0.99, 'Smallest fraction of the points that have a counterpart.'),
        maxF1Difference: fraction(0.01, 'Largest difference in the F1 of a reader with the model.'),
      })
      .prefault({})
      .describe('When a task counts as `within tolerance`.'),
  })
  .describe('When detected cells agree.');

const PublishedF1 = z
  .record(z.string(), z.number().min(0).max(1))
  .describe('The published macro F1 per pair, such as "reader R1|AI", to two decimals.');

/** When a task counts as reproduced. */
export const VerdictConfig = z
  .strictObject({
    he: HeTolerances.prefault({}),
    cells: CellTolerances.prefault({}),
    published: z
      .strictObject(perTask(CELL_TASKS, () => PublishedF1.optional()))
      .default({})
      .describe('Scores that were published in print only. Default: none.'),
    resamples: z
      .number()
      .int()
      .min(100)
      .max(100_000)
      .default(2_000)
      .describe('Bootstrap resamples of patients for each interval. 100 to 100000. Default: 2000.'),
    seed: z
      .number()
      .int()
      .min(0)
      .max(2 ** 32 - 1)
      .default(15_674_785)
      .describe('Seed of the resamples. 0 to 4294967295. Default: 15674785.'),
  })
  .describe('When a task counts as reproduced, and how the intervals are computed.');
export type VerdictConfig = z.infer<typeof VerdictConfig>;
