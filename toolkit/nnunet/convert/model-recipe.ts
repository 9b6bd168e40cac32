import type { OnnxGraph } from '../../onnx/graph/graph.ts';
import type { Checkpoint } from '../../pytorch/containers/checkpoint.ts';
import { type ModelCard, type ModelMethod, type Normalisation, RGB_SOFTMAX } from '../model-card.ts';
import { CONVERTER_SCHEMA } from './model-digest.ts';
import type { FoldFiles } from './model-folds.ts';
import { checkpointStateDict, type StateDict, type StateDictTracker } from './state-dict.ts';
import { INPUT_NAME, OUTPUT_NAME, unetArchitecture, unetGraph } from './unet-graph.ts';
import { readV1Input } from './v1-input.ts';

/** Weights of one fold. */
export interface FoldWeights {
  readonly tensors: StateDict;
  /** Whether the DataParallel prefix was stripped from any name. */
  readonly parallelPrefix: boolean;
}

/** How to convert the folds of a model to ONNX, which depends on the version of nnU-Net. */
export interface ModelRecipe {
  /** Description of the model, without its sources and folds. */
  readonly card: Omit<ModelCard, 'digest' | 'plansSha256' | 'datasetSha256' | 'folds'>;
  weights(checkpoint: Checkpoint, path: string): Promise<FoldWeights>;
  graph(tracker: StateDictTracker): OnnxGraph;
}

/**
 * Reads how to convert an nnU-Net v1 model.
 *
 * @param first - Files of its first fold, whose plans apply to all.
 * @throws ReigniteError PLANS_INVALID, CHECKPOINT_UNSUPPORTED, or what reading the pickles throws.
 */
export async function v1Recipe(first: FoldFiles): Promise<ModelRecipe> {
  const { plans, normalisation } = await readV1Input(first);
  const method = methodFor(plans.modalities, normalisation);
  const architecture = unetArchitecture(plans);
  return {
    card: {
      kind: 'nnunet-v1-2d',
      converterSchema: CONVERTER_SCHEMA,
      trainer: plans.trainer,
      patch: [...plans.patch],
      classes: plans.classes,
      input: INPUT_NAME,
      output: OUTPUT_NAME,
      architecture: {
        features: [...architecture.features],
        pools: plans.pools.map(([rows, columns]) => [rows, columns]),
        kernels: plans.kernels.map(([rows, columns]) => [rows, columns]),
        convPerStage: plans.convPerStage,
      },
      ...(method && { method }),
    },
    weights: async (checkpoint, file) => checkpointStateDict(checkpoint, file),
    graph: (tracker) => unetGraph(architecture, tracker),
  };
}

/** Returns the method of a model; undefined for RGB divided by 255, as the paper's. */
function methodFor(channels: number, normalisation: readonly Normalisation[] | undefined): ModelMethod | undefined {
  if (normalisation !== undefined) return { ...RGB_SOFTMAX, normalisation: [...normalisation], cropped: true };
  if (channels === RGB_SOFTMAX.normalisation.length) return undefined;
  return { ...RGB_SOFTMAX, normalisation: Array.from({ length: channels }, () => ({ scheme: 'RGBTo01' })) };
}
