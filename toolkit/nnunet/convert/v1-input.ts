import { openCheckpoint } from '../../pytorch/containers/checkpoint.ts';
import { type Normalisation, RGB_SOFTMAX } from '../model-method.ts';
import type { FoldFiles } from './model-folds.ts';
import { type NnunetPlans, readPlansFile } from './plans.ts';
import { checkpointStateDict } from './state-dict.ts';
import { invalidSchemes, v1Normalisation } from './v1-normalisation.ts';

/** The plans of an nnU-Net v1 model, and how its images are normalised. */
export interface V1Input {
  /** With the channels of the network. */
  readonly plans: NnunetPlans;
  /** One entry per channel; undefined for bytes / 255. */
  readonly normalisation: readonly Normalisation[] | undefined;
}

/**
 * Reads the plans of an nnU-Net v1 model and how its images are normalised. Plans with fewer channels than the network were
 * not made by nnU-Net's own planner: their schemes are not used, so none of them is refused.
 *
 * @param first - Files of its first fold, whose plans apply to all.
 * @throws ReigniteError PLANS_INVALID, CHECKPOINT_UNSUPPORTED, or what reading the pickles throws.
 */
export async function readV1Input(first: FoldFiles): Promise<V1Input> {
  const plans = await readPlansFile(first.plans);
  if (plans.modalities === 1 && (await takesRgb(first.checkpoint))) {
    return { plans: { ...plans, modalities: RGB_SOFTMAX.normalisation.length }, normalisation: undefined };
  }
  const normalisation = await v1Normalisation(first.plans);
  if (normalisation !== undefined && normalisation.length !== plans.modalities) {
    throw invalidSchemes(first.plans, `expected ${plans.modalities} channels, got ${normalisation.length}`);
  }
  return { plans, normalisation };
}

/** Plans with one modality may mean RGB (three channels in one file). Only the first convolution shows which. */
async function takesRgb(path: string): Promise<boolean> {
  const checkpoint = await openCheckpoint(path);
  try {
    const first = checkpointStateDict(checkpoint, path).tensors.get('conv_blocks_context.0.blocks.0.conv.weight');
    return first?.shape[1] === RGB_SOFTMAX.normalisation.length;
  } finally {
    await checkpoint.close();
  }
}
