import { z } from 'zod';
import { ReigniteError } from '../../errors.ts';
import { MODEL_MPP, suitsModels } from '../../slide/read/slide-resolution.ts';
import type { DescribedModel } from '../file/describe-model.ts';
import type { FinalOperator, UncheckedSidecar } from './bioimage.ts';

const Transform = z.looseObject({ name: z.string(), arguments: z.record(z.string(), z.unknown()).nullish() });

/** The description of a model of the WSInfer zoo, a config.json. */
const WsinferConfig = z.looseObject({
  architecture: z.string(),
  num_classes: z.int(),
  class_names: z.array(z.string()).min(1),
  patch_size_pixels: z.int().positive(),
  spacing_um_px: z.number().positive(),
  transform: z.array(Transform),
});

/** Returns whether a JSON file is a description of the WSInfer zoo. */
export function isWsinfer(json: unknown): boolean {
  return WsinferConfig.safeParse(json).success;
}

/**
 * Converts a WSInfer zoo description of a segmentation network to a model JSON.
 *
 * @param path - Of the description, for messages.
 * @throws ReigniteError SIDECAR_INVALID for a patch classifier, for unsupported transforms, and for a model that needs
 *   another pixel size than the images have.
 * @see https://github.com/SBU-BMI/wsinfer-zoo
 */
export function wsinferSidecar(
  path: string,
  json: unknown,
  model: DescribedModel,
  final: FinalOperator,
): UncheckedSidecar {
  const config = WsinferConfig.parse(json);
  const { architecture, class_names: labels, transform } = config;
  if (model.outputs[0]?.shape.length !== 4) {
    throw new ReigniteError(
      'SIDECAR_INVALID',
      `${path} describes a patch classifier (${architecture}: ${labels.join(', ')}): one class per patch, not per pixel.`,
      { remedy: 'Run it with WSInfer. A segmentation model or a detector is needed here.' },
    );
  }
  const { patch_size_pixels: patch } = config;
  const steps = transform.map((step) => inputOf(path, step));
  const size = steps.findLast((step) => step.size !== undefined)?.size ?? [patch, patch];
  refuseOtherSpacing(path, config, size);
  return {
    kind: 'segmentation',
    input: { ...Object.fromEntries(steps.flatMap((step) => Object.entries(step))), size },
    output: { values: valuesOf(path, final) },
    labels,
  };
}

/** Patches are read at their spacing and then resized, so that both determine the pixel size of the network's input. */
function refuseOtherSpacing(
  path: string,
  { patch_size_pixels: patch, spacing_um_px: spacing }: z.infer<typeof WsinferConfig>,
  size: readonly number[],
): void {
  const other = size.map((side) => (spacing * patch) / side).find((mpp) => !suitsModels(mpp));
  if (other === undefined) return;
  throw new ReigniteError(
    'SIDECAR_INVALID',
    `${path} describes a model for ${Number(other.toPrecision(4))} µm/px (spacing_um_px ${spacing}, patches of ${patch} px as ${size.join(' x ')} px); images are given to models at ${MODEL_MPP} µm/px.`,
    {
      remedy: `Use a model for ${MODEL_MPP} µm/px. To run this one at ${MODEL_MPP} µm/px all the same, move this description away: \`npx reignite model describe\` then makes the draft of a model JSON file.`,
    },
  );
}

const Side = z.union([z.int().transform((side): [number, number] => [side, side]), z.tuple([z.int(), z.int()])]);
const Moments = z.looseObject({ mean: z.array(z.number()), std: z.array(z.number()) });

function inputOf(
  path: string,
  { name, arguments: given }: z.infer<typeof Transform>,
): NonNullable<UncheckedSidecar['input']> {
  const refuse = () => new ReigniteError('SIDECAR_INVALID', `${path}: the transform ${name} is not supported.`);
  if (name === 'ToTensor') return { range: [0, 1] };
  if (name === 'Resize') {
    const size = Side.safeParse(given?.['size']).data;
    if (size !== undefined) return { size };
  }
  if (name === 'Normalize') {
    const { success, data } = Moments.safeParse(given);
    if (success) return { mean: data.mean, std: data.std };
  }
  throw refuse();
}

function valuesOf(path: string, final: FinalOperator): UncheckedSidecar['output']['values'] {
  if (final === 'Sigmoid') return 'sigmoid';
  if (final === 'Softmax') return 'probabilities';
  throw new ReigniteError('SIDECAR_INVALID', `${path} does not say whether the scores are logits or probabilities.`, {
    remedy: 'Move this description away: `npx reignite model describe` then makes the draft of a model JSON file.',
  });
}
