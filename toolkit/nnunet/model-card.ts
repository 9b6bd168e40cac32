import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { ReigniteError } from '../errors.ts';
import { readJsonIfValid } from '../files/text-file.ts';

const Normalisation = z.discriminatedUnion('scheme', [
  z.object({ scheme: z.literal('RGBTo01') }),
  z.object({ scheme: z.literal('None') }),
  z.object({ scheme: z.literal('RescaleTo01') }),
  z.object({
    scheme: z.literal('ZScore'),
    masked: z.boolean().describe('Whether only pixels that are not black count and change (`use_mask_for_norm`)'),
  }),
  z
    .object({ scheme: z.literal('Standardised'), epsilon: z.number(), together: z.boolean() })
    .describe('Minus the mean of the image, by its deviation plus `epsilon`; of all channels `together`, or of each'),
  z
    .object({
      scheme: z.literal('Percentiles'),
      low: z.number(),
      high: z.number(),
      epsilon: z.number(),
      together: z.boolean(),
    })
    .describe('From two percentiles of the image to 0 and 1'),
  z.object({ scheme: z.literal('CT'), mean: z.number(), std: z.number(), low: z.number(), high: z.number() }),
]);
/** How the values of one channel are normalised for a network. */
export type Normalisation = z.infer<typeof Normalisation>;

const Decision = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('softmax') }).describe('Networks give softmax; the largest mean wins'),
  z.object({ kind: z.literal('logits') }).describe('Networks give logits; the largest mean wins'),
  z
    .object({ kind: z.literal('regions'), values: z.array(z.int().min(0).max(254)).min(1) })
    .describe(
      'Networks give one logit per region; each region above 0.5 after the sigmoid writes its value, in this order',
    ),
  z
    .object({
      kind: z.literal('threshold'),
      values: z.array(z.int().min(1).max(254)).min(1),
      threshold: z.number().gt(0).lt(1),
    })
    .describe(
      'Networks give one probability per channel; the largest writes its value where it is above the threshold',
    ),
]);
/** How the mean output of the networks becomes the label of a pixel. */
export type Decision = z.infer<typeof Decision>;

/** Maximum number of channels of an image: grey or RGB, with one more. */
export const MOST_CHANNELS = 4;

/** How the sliding window uses a model: how inputs are normalised and how outputs become labels. */
export const ModelMethod = z.object({
  window: z
    .enum(['v1', 'v2'])
    .describe(
      'v2: cropped to pixels that are not black first; Gaussian of maximum 10 in half precision, also for one tile',
    ),
  normalisation: z.array(Normalisation).min(1).max(MOST_CHANNELS).describe('Of each channel'),
  takesLuma: z.literal(true).exactOptional().describe('Of one channel: colours are taken as their luma, not refused'),
  cropped: z
    .literal(true)
    .exactOptional()
    .describe('Of nnU-Net v1: cropped to pixels that are not black first, as v2 always does'),
  decision: Decision,
});
export type ModelMethod = z.infer<typeof ModelMethod>;

/** Input RGB in [0, 1], output softmax: nnU-Net v1 as the paper uses it, and custom ONNX models. */
export const RGB_SOFTMAX: ModelMethod = {
  window: 'v1',
  normalisation: [{ scheme: 'RGBTo01' }, { scheme: 'RGBTo01' }, { scheme: 'RGBTo01' }],
  decision: { kind: 'softmax' },
};

/** Returns whether images are cropped to pixels that are not black. */
export function isCropped({ window, cropped }: ModelMethod): boolean {
  return window === 'v2' || cropped === true;
}

/** Returns for each channel whether it is 0 where the image is black, whatever its values there. */
export function maskedChannels(normalisation: readonly Normalisation[]): readonly boolean[] {
  return normalisation.map((each) => each.scheme === 'ZScore' && each.masked);
}

/** Returns the smallest and the largest input that is usual for a network, to probe its arithmetic. */
export function usualRange({ normalisation }: ModelMethod): readonly [number, number] {
  switch (normalisation[0]?.scheme) {
    case 'None':
      return [0, 255];
    case 'ZScore':
    case 'Standardised':
    case 'CT':
      return [-2, 2];
    default:
      return [0, 1];
  }
}

export const CARD_FILE = 'model.json';

const Sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const Count = z.int().min(1);
const Pair = z.tuple([Count, Count]);

/** A fold of nnU-Net: its number, or `all` for the network trained on all cases. */
export const FoldName = z.union([z.int().min(0), z.literal('all')]);
export type FoldName = z.infer<typeof FoldName>;

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
  mirrorAxes: Axes.exactOptional().describe(
    'Of nnU-Net v1: axes along which every tile is predicted mirrored too, and averaged; absent: none',
  ),
  normSums: z
    .literal('rows')
    .exactOptional()
    .describe('With instance normalisation, on CPUs: means are computed row by row, then of the rows'),
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
        parallelPrefix: z.boolean().describe('Whether a prefix of the names, such as `module.`, was removed'),
        unused: z.array(z.string()).describe('Tensors that inference does not need'),
        average: z
          .string()
          .exactOptional()
          .describe('Key of a moving average in the checkpoint, next to the weights that were used'),
      }),
    )
    .min(1),
});
export type ModelCard = z.infer<typeof ModelCard>;

/** Returns the axes along which every tile is predicted mirrored too, 0 for rows and 1 for columns. */
export function mirrorAxesOf({ v2, mirrorAxes }: Pick<ModelCard, 'v2' | 'mirrorAxes'>): readonly number[] {
  return v2?.mirrorAxes ?? mirrorAxes ?? [];
}

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
