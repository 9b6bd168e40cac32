import { ReigniteError } from '../../errors.ts';
import { sha256Of, sha256OfFile } from '../../files/hash-file.ts';
import type { OnnxGraph } from '../../onnx/graph/graph.ts';
import type { Checkpoint } from '../../pytorch/containers/checkpoint.ts';
import { type ModelCard, type ModelMethod, type Normalisation, RGB_SOFTMAX } from '../model-card.ts';
import { type CheckpointName, type FoldFiles, type FoldName, findFolds } from './model-folds.ts';
import { checkpointStateDict, type StateDict, type StateDictTracker } from './state-dict.ts';
import { INPUT_NAME, OUTPUT_NAME, unetArchitecture, unetGraph } from './unet-graph.ts';
import { readV1Input } from './v1-input.ts';

/**
 * Schema number of the conversion. Raised whenever the same checkpoint would give a model with other outputs, so that
 * results of the old model are not reused.
 */
const CONVERTER_SCHEMA = 1;
/**
 * The same for models of nnU-Net v1 that are normalised otherwise than by 255. The others keep their digest. 2: masks are
 * computed for each channel, and CT models are refused outside 0 to 255.
 */
const NORMALISATION_SCHEMA = 2;
/** The same for models of nnU-Net v1 with instance normalisation. 2: CPUs compute its means row by row. */
const INSTANCE_NORM_SCHEMA = 2;
/** The same for nnU-Net v2. 3: CPUs compute the means of instance normalisation row by row. */
export const V2_CONVERTER_SCHEMA = 3;

/** What a converted model was made from. */
export interface ModelSources {
  /** SHA-256 over everything that determines the outputs, lower-case hex. */
  readonly digest: string;
  /** SHA-256 of the first fold's plans. */
  readonly plansSha256: string;
  /** SHA-256 of `dataset.json`; only for nnU-Net v2. */
  readonly datasetSha256?: string;
  /** SHA-256 of each fold's checkpoint, in the order of the folds. */
  readonly checkpointSha256: readonly string[];
}

/**
 * Computes the digest of a model from its source files, without converting it, for use in cache keys.
 *
 * @param folder - Holds `fold_0` and so on.
 * @param folds - In the order in which they are averaged. Default: the paper's five.
 * @param mirroring - See `hashSources`. Default: no.
 * @returns The same digest that `convertModel` writes into its description.
 * @throws ReigniteError FOLD_MISSING.
 */
export async function modelDigest(
  folder: string,
  folds?: readonly FoldName[],
  signal?: AbortSignal,
  name?: CheckpointName,
  mirroring?: boolean,
): Promise<string> {
  const { digest } = await hashSources(await findFolds(folder, folds, name), { mirroring: mirroring ?? false }, signal);
  return digest;
}

/**
 * Returns the schema numbers of an nnU-Net v1 model. Models that are normalised otherwise than by 255, or refused, have
 * one more, and so have those with instance normalisation: what earlier versions made of them is not reused.
 */
async function v1Schemas(first: FoldFiles): Promise<string> {
  const normalised = ` normalised ${NORMALISATION_SCHEMA}`;
  try {
    const { normalisation, hasInstanceNorm } = await readV1Input(first);
    const norm = hasInstanceNorm ? ` instance norm ${INSTANCE_NORM_SCHEMA}` : '';
    return `${CONVERTER_SCHEMA}${normalisation === undefined ? '' : normalised}${norm}`;
  } catch (error) {
    if (error instanceof ReigniteError) return `${CONVERTER_SCHEMA}${normalised}`;
    throw error;
  }
}

/**
 * Hashes the source files of a model.
 *
 * @param choice - `mirroring`: whether mirrored copies of each tile are predicted too. It changes the digest.
 * @param onFile - Called after each checkpoint with the number done so far.
 */
export async function hashSources(
  folds: readonly [FoldFiles, ...FoldFiles[]],
  { mirroring }: { readonly mirroring: boolean },
  signal?: AbortSignal,
  onFile?: (done: number) => void,
): Promise<ModelSources> {
  const plansSha256 = await sha256OfFile(folds[0].plans, signal);
  const checkpointSha256: string[] = [];
  for (const { checkpoint } of folds) {
    checkpointSha256.push(await sha256OfFile(checkpoint, signal));
    onFile?.(checkpointSha256.length);
  }
  if (folds[0].dataset === undefined) {
    const head = `nnunet-v1-2d ${await v1Schemas(folds[0])}${mirroring ? ' mirrored' : ''}`;
    const lines = [head, plansSha256, ...checkpointSha256];
    return { digest: sha256Of(lines.join('\n')), plansSha256, checkpointSha256 };
  }
  const datasetSha256 = await sha256OfFile(folds[0].dataset, signal);
  const head = [`nnunet-v2-2d ${V2_CONVERTER_SCHEMA}${mirroring ? ' mirrored' : ''}`, plansSha256, datasetSha256];
  return { digest: sha256Of([...head, ...checkpointSha256].join('\n')), plansSha256, datasetSha256, checkpointSha256 };
}

/** Weights of one fold. */
export interface FoldWeights {
  readonly tensors: StateDict;
  /** Whether a prefix was removed from any name, see `ownName`. */
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
 * @param mirroring - Whether mirrored copies of each tile are predicted too.
 * @throws ReigniteError PLANS_INVALID, CHECKPOINT_UNSUPPORTED, or what reading the pickles throws.
 */
export async function v1Recipe(first: FoldFiles, mirroring: boolean): Promise<ModelRecipe> {
  const { plans, normalisation, hasInstanceNorm } = await readV1Input(first);
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
      ...(mirroring && { mirrorAxes: [...v1MirrorAxes(plans.trainer)] }),
      ...(hasInstanceNorm && { normSums: 'rows' }),
    },
    weights: async (checkpoint, file) => checkpointStateDict(checkpoint, file),
    graph: (tracker) => unetGraph(architecture, tracker),
  };
}

/** Trainers of nnU-Net v1 that do not mirror. */
const WITHOUT_MIRRORING = /no_?mirror|no_?data_?aug/i;

/**
 * Returns the axes along which a trainer of nnU-Net v1 mirrors, 0 for rows and 1 for columns: both, unless its name says
 * otherwise. Checkpoints do not record them.
 *
 * @see `data_aug_params['mirror_axes']` of the trainers, nnU-Net v1
 */
export function v1MirrorAxes(trainer: string): readonly number[] {
  return WITHOUT_MIRRORING.test(trainer) ? [] : [0, 1];
}

/** Returns the method of a model; undefined for RGB divided by 255, as the paper's. */
function methodFor(channels: number, normalisation: readonly Normalisation[] | undefined): ModelMethod | undefined {
  if (normalisation !== undefined) return { ...RGB_SOFTMAX, normalisation: [...normalisation], cropped: true };
  if (channels === RGB_SOFTMAX.normalisation.length) return undefined;
  return { ...RGB_SOFTMAX, normalisation: Array.from({ length: channels }, () => ({ scheme: 'RGBTo01' })) };
}
