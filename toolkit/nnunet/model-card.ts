import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { ReigniteError } from '../errors.ts';
import { readJsonIfValid } from '../files/json-file.ts';

import { ModelMethod, RGB_SOFTMAX } from './model-method.ts';

export const CARD_FILE = 'model.json';

const Sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const Count = z.int().min(1);
const Pair = z.tuple([Count, Count]);

/** A fold of nnU-Net: its number, or `all` for the network trained on all cases. */
export const FoldName = z.union([z.int().min(0), z.literal('all')]);

const Axes = z.array(z.int().min(0).max(1)).describe('0: rows, 1: columns');

/** Fields of nnU-Net v2 models only. */
const V2Card = z.object({
  configuration: z.string().describe('Of the plans, such as 2d'),
  plans: z.string().describe('Name of the plans'),
  oldPlans: z.boolean().describe('Whether the plans are of an early release, without `architecture`'),
  network: z.string(),
  decoder: z.array(Count).describe('Convolutions of each stage of the decoder, deepest first'),
  norm: z.string(),
  activation: z.string(),
  labels: z.array(z.object({ value: z.int().min(0), name: z.string() })).min(1),
  mirrorAxesAllowed: Axes.describe('Axes along which the training mirrored'),
  mirrorAxes: Axes.describe('Axes along which every tile is predicted mirrored too, and averaged'),
});

/** Description of a converted model, `model.json`. It is written last, so that its presence means that all folds are complete. */
export const ModelCard = z.object({
  kind: z.enum(['nnunet-v1-2d', 'nnunet-v2-2d']),
  converterSchema: Count.describe('Raised when the same checkpoint would give other outputs'),
  digest: Sha256.describe('Over everything that determines the outputs: sources and converter schema'),
  trainer: z.string().describe('Trainer class named by the plans'),
  patch: Pair.describe('Height and width of a tile in px'),
  classes: Count.describe('Channels of the output; of labels "none of them" included'),
  input: z.string().describe('Name of the input, float32 [1, channels, height, width], normalised as `method` says'),
  output: z.string().describe('Name of the output, float32 [1, height, width, classes]'),
  architecture: z.object({
    features: z.array(Count).describe('Channels at each resolution, full resolution first'),
    pools: z.array(Pair).describe('Downsampling factors, full resolution first'),
    kernels: z.array(Pair).describe('Convolution kernels at each resolution'),
    convPerStage: z.union([Count, z.array(Count)]).describe('Of nnU-Net v2: of each stage of the encoder'),
  }),
  method: ModelMethod.exactOptional().describe('What the sliding window does; absent: RGB in [0, 1], mean softmax'),
  v2: V2Card.exactOptional(),
  plansSha256: Sha256.describe('Of the file the plans came from'),
  datasetSha256: Sha256.exactOptional().describe('Of dataset.json, of nnU-Net v2'),
  folds: z
    .array(
      z.object({
        fold: FoldName,
        file: z.string().describe('ONNX file next to this description'),
        bytes: Count,
        sha256: Sha256.describe('Of the ONNX file'),
        sourceSha256: Sha256.describe('Of the checkpoint'),
        parameters: Count.describe('Elements of the tensors that were used'),
        parallelPrefix: z.boolean().describe('Whether the prefix `module.` of DataParallel was taken off the names'),
        unused: z.array(z.string()).describe('Tensors that inference does not need'),
      }),
    )
    .min(1),
});
export type ModelCard = z.infer<typeof ModelCard>;

/** Reads the description of a converted model; undefined if it is missing or from another version. */
export function knownModelCard(folder: string): Promise<ModelCard | undefined> {
  return readJsonIfValid(join(folder, CARD_FILE), ModelCard);
}

/**
 * Reads the description of a converted model.
 *
 * @param folder - Where `convertModel` wrote it.
 * @throws ReigniteError MODEL_UNREADABLE if it is missing or not valid.
 */
export async function readModelCard(folder: string): Promise<ModelCard> {
  const path = join(folder, CARD_FILE);
  try {
    return ModelCard.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (cause) {
    throw new ReigniteError('MODEL_UNREADABLE', `${path} is not the JSON description of a converted model.`, { cause });
  }
}

/** Returns how the sliding window uses a converted model. */
export function methodOf({ method }: ModelCard): ModelMethod {
  return method ?? RGB_SOFTMAX;
}
