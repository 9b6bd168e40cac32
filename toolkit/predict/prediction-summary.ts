import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { TASKS, type Task } from '../../config/tasks.ts';
import { ERRORS, type ErrorCode, ReigniteError } from '../errors.ts';
import { writeFileAtomic } from '../files/atomic-write.ts';
import { FoldName } from '../nnunet/model-card.ts';
import { taskNamed } from '../tasks/task-named.ts';
import type { ImagePrediction } from './prediction.ts';
import { predictionTable } from './prediction-tables.ts';

const Size = z.object({ width: z.int(), height: z.int() });
const ClassArea = z.object({
  value: z.int(),
  name: z.string(),
  pixels: z.int(),
  share: z.number(),
  mm2: z.number().exactOptional(),
});
const ClassCount = z.object({
  value: z.int(),
  name: z.string(),
  count: z.int(),
  perMm2: z.number().exactOptional(),
});

/** An `ImagePrediction` as JSON holds it, in the order of its fields. */
export const PredictedImage = z.object({
  image: z.string(),
  name: z.string(),
  ...Size.shape,
  mpp: z.number().exactOptional(),
  resampledTo: Size.exactOptional(),
  cached: z.boolean(),
  provider: z.string(),
  seconds: z.number(),
  notes: z.array(z.string()),
  cells: z.int().exactOptional(),
  outside: z.int().exactOptional(),
  counts: z.array(ClassCount).exactOptional(),
  medianMargin: z.number().exactOptional(),
  unclearShare: z.number().exactOptional(),
  medianScore: z.number().exactOptional(),
  weakCandidates: z.int().exactOptional(),
  areas: z.array(ClassArea).exactOptional(),
  regions: z.int().exactOptional().describe('Outlines written'),
  leftOut: z
    .object({ regions: z.int(), pixels: z.int() })
    .exactOptional()
    .describe('Regions that are too small for an outline (--min-area), and all their pixels'),
  files: z.record(z.string(), z.string()),
});

/** An image that could not be predicted. */
export const ImageFailure = z.object({
  image: z.string(),
  code: z.custom<ErrorCode>((code) => typeof code === 'string' && Object.hasOwn(ERRORS, code)),
  cause: z.string(),
  remedy: z.string(),
});
export type ImageFailure = z.infer<typeof ImageFailure>;

/** The model of a prediction, whatever its path. */
export const UsedModel = z.object({
  digest: z.string().describe('Of its source'),
  folds: z.array(FoldName).exactOptional().describe('Folds of an nnU-Net model that were averaged'),
  family: z.literal('nnU-Net v2').exactOptional(),
  trainer: z.string().exactOptional(),
  plans: z.string().exactOptional().describe('Name and configuration'),
  mirrorAxes: z
    .array(z.int())
    .exactOptional()
    .describe('Axes along which every tile was predicted mirrored too: 0 rows, 1 columns'),
  labels: z.array(z.object({ value: z.int(), name: z.string() })).exactOptional(),
});
export type UsedModel = z.infer<typeof UsedModel>;

/** What all images of a folder were predicted with, by option; `labels` is the digest of the file. */
export const PredictionSettings = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]));
export type PredictionSettings = z.infer<typeof PredictionSettings>;

const PredictionSummary = z.object({
  task: z.enum(TASKS),
  model: UsedModel.extend({ path: z.string() }),
  settings: PredictionSettings,
  images: z.array(PredictedImage),
  failures: z.array(ImageFailure),
});

/** `summary.json` of a folder of predictions. */
export interface PredictionSummary {
  readonly task: Task;
  readonly model: UsedModel & { readonly path: string };
  readonly settings: PredictionSettings;
  /** All images of the folder. */
  readonly images: readonly ImagePrediction[];
  readonly failures: readonly ImageFailure[];
}

/** Writes what all predictions of a folder came to: `summary.json`, and the numbers as CSV. */
export async function writePredictionSummary(out: string, summary: PredictionSummary): Promise<void> {
  await writeFileAtomic(join(out, 'summary.json'), `${JSON.stringify(summary, null, 1)}\n`);
  const { predictionTable: table } = taskNamed(summary.task);
  await writeFileAtomic(join(out, table), predictionTable(summary.images));
}

/** @throws ReigniteError FILE_MISSING where the folder holds no summary of a prediction. */
export async function readPredictionSummary(out: string): Promise<PredictionSummary> {
  const path = join(out, 'summary.json');
  try {
    return PredictionSummary.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (cause) {
    throw new ReigniteError('FILE_MISSING', `${path} is no summary of a prediction.`, { cause });
  }
}
