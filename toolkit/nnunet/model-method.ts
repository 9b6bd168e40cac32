import { z } from 'zod';

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
