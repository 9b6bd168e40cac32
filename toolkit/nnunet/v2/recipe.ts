import { readFile, stat } from 'node:fs/promises';
import { ReigniteError } from '../../errors.ts';
import { hasPrototypeKey } from '../../files/text-file.ts';
import { type Checkpoint, openCheckpoint } from '../../pytorch/containers/checkpoint.ts';
import {
  asEntries,
  asInteger,
  asItems,
  asString,
  asTensor,
  dictGet,
  dictHas,
  type Located,
  locate,
  refusal,
} from '../../pytorch/pickle/value.ts';
import { findStateDict, type NamedTensors, ownName } from '../../pytorch/tensors/state-dict.ts';
import type { TensorRef } from '../../pytorch/tensors/tensor.ts';
import type { FoldFiles } from '../convert/model-folds.ts';
import { type ModelRecipe, V2_CONVERTER_SCHEMA } from '../convert/model-recipe.ts';
import { parameterOf, type StateDict, type StateTensor } from '../convert/state-dict.ts';
import { parseV2Dataset, type V2Dataset } from './dataset.ts';
import { type Norm, parseV2Plans, unsupported, type V2Network, type V2Plans } from './plans.ts';
import { INPUT_NAME, OUTPUT_NAME, v2UnetGraph } from './unet-graph.ts';

/** Maximum size of a plans or data set file, bytes; real ones have a few kB. */
const MAX_BYTES = 8 * 2 ** 20;
/** Names of trainers with another activation than in the plans, which the parameters do not show. */
const OTHER_ACTIVATION = /relu|gelu|mish|nonlin/i;

/**
 * Reads how to convert an nnU-Net v2 model. Trainer, configuration and mirror axes come from its first fold, as in
 * nnU-Net's loader. The parameters of a fold with another network do not fit, which is an error.
 *
 * @param first - Files of the first fold.
 * @param mirroring - Whether mirrored copies of each tile are predicted too, along the mirror axes of the training.
 * @throws ReigniteError PLANS_INVALID, CHECKPOINT_UNSUPPORTED, CHECKPOINT_CORRUPT, CHECKPOINT_UNSAFE.
 */
export async function v2Recipe(first: FoldFiles, mirroring: boolean): Promise<ModelRecipe> {
  const { training, hasStatistics } = await readTraining(first.checkpoint);
  refuseOtherTrainer(training, first.checkpoint);
  const plans = parseV2Plans(await readJson(first.plans), training.configuration, first.plans);
  const datasetFile = first.dataset ?? first.plans;
  const dataset = parseV2Dataset(await readJson(datasetFile), datasetFile);
  requireSchemes(plans, dataset, first.plans);
  const network = withTrainedNorm(plans.network, hasStatistics);
  const { patch } = plans;
  return {
    card: cardOf({ ...plans, network }, dataset, training, mirroring),
    weights: v2StateDict,
    graph: (tracker) => v2UnetGraph(network, { patch, channels: dataset.channels, outputs: dataset.outputs }, tracker),
  };
}

async function readTraining(path: string): Promise<{ readonly training: V2Training; readonly hasStatistics: boolean }> {
  const checkpoint = await openCheckpoint(path);
  try {
    const training = v2Training(checkpoint, path);
    const { tensors } = await v2StateDict(checkpoint, path);
    return { training, hasStatistics: [...tensors.keys()].some((name) => name.endsWith('.norm.running_mean')) };
  } finally {
    await checkpoint.close();
  }
}

function refuseOtherTrainer({ trainer }: V2Training, path: string): void {
  if (OTHER_ACTIVATION.test(trainer)) {
    throw unsupported(path, `the trainer ${trainer} does not use the activation that its plans name`);
  }
}

/**
 * Trainers such as nnUNetTrainerBN replace the instance normalisation of the plans with batch normalisation. Only its
 * running statistics among the parameters show that.
 */
function withTrainedNorm(network: V2Network, hasStatistics: boolean): V2Network {
  if (!hasStatistics || network.norm?.kind !== 'instance') return network;
  const norm: Norm = { ...network.norm, kind: 'batch' };
  return { ...network, norm };
}

function requireSchemes({ normalisation }: V2Plans, { channels }: V2Dataset, file: string): void {
  if (normalisation.length === channels) return;
  throw new ReigniteError(
    'PLANS_INVALID',
    `${file}: normalization_schemes has ${normalisation.length} entries, the data set ${channels} channels.`,
  );
}

function cardOf(plans: V2Plans, dataset: V2Dataset, training: V2Training, mirroring: boolean): ModelRecipe['card'] {
  const { network, patch } = plans;
  return {
    kind: 'nnunet-v2-2d',
    converterSchema: V2_CONVERTER_SCHEMA,
    trainer: training.trainer,
    patch: [...patch],
    classes: dataset.outputs,
    input: INPUT_NAME,
    output: OUTPUT_NAME,
    architecture: {
      features: [...network.features],
      pools: network.strides.slice(1).map(([rows, columns]) => [rows, columns]),
      kernels: network.kernels.map(([rows, columns]) => [rows, columns]),
      convPerStage: [...network.encoder],
    },
    method: { window: 'v2', normalisation: [...plans.normalisation], decision: dataset.decision },
    ...(network.norm?.kind === 'instance' && { normSums: 'rows' }),
    v2: {
      configuration: plans.configuration,
      plans: plans.plansName,
      oldPlans: plans.isOld,
      network: network.name,
      decoder: [...network.decoder],
      norm: network.norm?.kind ?? 'none',
      activation: network.activation.kind,
      labels: dataset.labels.map(({ value, name }) => ({ value, name })),
      mirrorAxesAllowed: [...training.mirrorAxes],
      mirrorAxes: mirroring ? [...training.mirrorAxes] : [],
    },
  };
}

async function readJson(path: string): Promise<unknown> {
  const { size } = await stat(path);
  if (size > MAX_BYTES) throw new ReigniteError('PLANS_INVALID', `${path} has ${size} bytes, too many to be read.`);
  const text = await readFile(path, 'utf8');
  const json = parseJson(text, path);
  if (!hasPrototypeKey(text)) return json;
  throw new ReigniteError('PLANS_INVALID', `${path} contains the name "__proto__", which is not allowed.`);
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ReigniteError('PLANS_INVALID', `${path} is not JSON.`, { cause });
  }
}

/** What an nnU-Net v2 checkpoint contains besides its weights. */
interface V2Training {
  readonly trainer: string;
  /** Name of the configuration among the plans, such as `2d`. */
  readonly configuration: string;
  /** Axes along which the training mirrored its images, 0 for rows and 1 for columns; empty if it did not. */
  readonly mirrorAxes: readonly number[];
}

/**
 * Reads trainer, configuration and mirror axes.
 *
 * @throws ReigniteError CHECKPOINT_UNSUPPORTED if the file is not a checkpoint of nnU-Net v2.
 */
function v2Training(checkpoint: Checkpoint, path: string): V2Training {
  const root = locate(checkpoint.root, path, 'CHECKPOINT_UNSUPPORTED');
  if (findBareWeights(checkpoint) !== undefined) return BARE;
  const axes = 'inference_allowed_mirroring_axes';
  const mirrorAxes = dictHas(root, axes) ? asItems(dictGet(root, axes)).map(asAxis) : [];
  return {
    trainer: asString(dictGet(root, 'trainer_name')),
    configuration: asString(dictGet(dictGet(root, 'init_args'), 'configuration')),
    mirrorAxes: [...new Set(mirrorAxes)],
  };
}

/** The usual settings, for files that contain nothing but weights. */
const BARE: V2Training = { trainer: 'unknown', configuration: '2d', mirrorAxes: [] };

/** Finds named weights in a file that nnU-Net did not write, such as a safetensors file. */
function findBareWeights({ root }: Checkpoint): NamedTensors | undefined {
  const found = findStateDict(root);
  return found?.key === 'network_weights' ? undefined : found;
}

function asAxis(located: Located): number {
  const axis = asInteger(located);
  if (axis === 0 || axis === 1) return axis;
  throw refusal(located, 'an axis of a 2D image, 0 or 1,');
}

/** Weights, each under a single name. */
interface V2StateDict {
  readonly tensors: StateDict;
  /** Whether a prefix was removed from any name, see `ownName`. */
  readonly parallelPrefix: boolean;
  /** Number of further names that the checkpoint has for these tensors. */
  readonly duplicates: number;
}

/**
 * Reads the `network_weights` of a checkpoint. PyTorch lists a module once per attribute that refers to it: the encoder
 * also as `decoder.encoder`, a convolution and its norm also as parts of `all_modules`. Further names must refer to the
 * same storage or contain the same numbers.
 *
 * @throws ReigniteError CHECKPOINT_UNSUPPORTED if there are no weights; PARAMETER_UNKNOWN if two names of one tensor
 *   have different numbers.
 */
async function v2StateDict(checkpoint: Checkpoint, path: string): Promise<V2StateDict> {
  const root = locate(checkpoint.root, path, 'CHECKPOINT_UNSUPPORTED');
  const bare = findBareWeights(checkpoint);
  const weights =
    bare === undefined ? dictGet(root, 'network_weights') : bare.key === '' ? root : dictGet(root, bare.key);
  const entries = asEntries(weights);
  const first = new Map<string, { readonly name: string; readonly tensor: TensorRef }>();
  let duplicates = 0;
  for (const [fullName, located] of entries) {
    const tensor = asTensor(located);
    const name = canonicalName(fullName);
    const present = first.get(name);
    if (present === undefined) first.set(name, { name: fullName, tensor });
    else {
      await requireSame(checkpoint, present, { name: fullName, tensor });
      duplicates++;
    }
  }
  const tensors = Array.from(first, ([name, { tensor }]): [string, StateTensor] => [
    name,
    parameterOf(checkpoint, name, tensor),
  ]);
  const parallelPrefix = entries.some(([name]) => ownName(name) !== name);
  return { tensors: new Map(tensors), parallelPrefix, duplicates };
}

/** Maps all names of a tensor to one. In `all_modules`, which lists convolution, dropout, norm, activation, two have tensors. */
function canonicalName(name: string): string {
  return ownName(name)
    .replace(/^decoder\.encoder\./, 'encoder.')
    .replace(/\.all_modules\.0\.(?=[^.]+$)/, '.conv.')
    .replace(/\.all_modules\.\d\.(?=[^.]+$)/, '.norm.');
}

interface NamedTensor {
  readonly name: string;
  readonly tensor: TensorRef;
}

async function requireSame(checkpoint: Checkpoint, one: NamedTensor, other: NamedTensor): Promise<void> {
  if (layoutOf(one.tensor) === layoutOf(other.tensor)) return;
  const isSameShape = one.tensor.shape.join() === other.tensor.shape.join();
  if (isSameShape && (await haveSameNumbers(checkpoint, one.tensor, other.tensor))) return;
  throw new ReigniteError(
    'PARAMETER_UNKNOWN',
    `${checkpoint.path}: ${one.name} and ${other.name} should be the same tensor and are not.`,
  );
}

function layoutOf({ storage, dtype, shape, strides, offset }: TensorRef): string {
  return [storage.key, storage.byteOffset, dtype, offset, shape.join(), strides.join()].join('/');
}

async function haveSameNumbers(checkpoint: Checkpoint, one: TensorRef, other: TensorRef): Promise<boolean> {
  const [a, b] = [await checkpoint.readFloat32(one), await checkpoint.readFloat32(other)];
  return a.every((value, index) => Object.is(value, b[index]));
}
