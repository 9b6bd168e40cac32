import { readFile, stat } from 'node:fs/promises';
import { z } from 'zod';
import { ReigniteError } from '../../errors.ts';
import { hasPrototypeKey } from '../../files/text-file.ts';
import { type Checkpoint, openCheckpoint } from '../../pytorch/containers/checkpoint.ts';
import {
  asInteger,
  asItems,
  asString,
  dictGet,
  dictHas,
  type Located,
  locate,
  refusal,
} from '../../pytorch/pickle/value.ts';
import type { FoldFiles } from '../convert/model-folds.ts';
import { findBareWeights, type ModelRecipe, v2StateDict } from '../convert/state-dict.ts';
import { type Decision, MOST_CHANNELS } from '../model-card.ts';
import { invalidPlans, parsePlansField } from '../v1/plans.ts';
import { type Norm, parseV2Plans, unsupported, type V2Network, type V2Plans } from './plans.ts';
import { INPUT_NAME, OUTPUT_NAME, v2UnetGraph } from './unet-graph.ts';

/**
 * Schema number of the conversion of nnU-Net v2. Raised whenever the same checkpoint would give a model with other
 * outputs. 3: CPUs compute the means of instance normalisation row by row.
 */
export const V2_CONVERTER_SCHEMA = 3;

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

function asAxis(located: Located): number {
  const axis = asInteger(located);
  if (axis === 0 || axis === 1) return axis;
  throw refusal(located, 'an axis of a 2D image, 0 or 1,');
}

/** Masks have 8 bits, and 255 means a pixel that was not predicted. */
const MAX_VALUE = 254;

const Label = z.int().min(0).max(MAX_VALUE, `expected at most ${MAX_VALUE}: masks have 8 bits`);
const Dataset = z.object({
  channel_names: z.record(z.string(), z.string()).optional(),
  modality: z.record(z.string(), z.string()).optional(),
  labels: z.record(z.string(), z.union([Label, z.array(Label).min(1)])),
  regions_class_order: z.array(Label).nullish(),
});

/** The content of a dataset.json that affects predictions. */
interface V2Dataset {
  readonly channels: number;
  /** Output channels of the network. */
  readonly outputs: number;
  readonly decision: Decision;
  /** Names of the values of a mask. */
  readonly labels: readonly { readonly value: number; readonly name: string }[];
}

/**
 * Reads labels or regions and channels of an nnU-Net v2 data set.
 *
 * As in nnU-Net, masks contain the *index* of a label in the sorted list. Without gaps, that is the label itself.
 *
 * @param json - Content of dataset.json.
 * @throws ReigniteError PLANS_INVALID naming the field; CHECKPOINT_UNSUPPORTED for more than 4 channels.
 * @see `LabelManager`, nnU-Net v2
 */
export function parseV2Dataset(json: unknown, file: string): V2Dataset {
  const { labels, regions_class_order: order, ...rest } = parsePlansField(Dataset, json, file, '');
  const names = rest.modality ?? rest.channel_names;
  if (names === undefined) throw invalidPlans(file, 'channel_names', 'missing');
  const channels = Object.keys(names).length;
  if (channels === 0) throw invalidPlans(file, 'channel_names', 'expected at least one channel');
  if (channels > MOST_CHANNELS) {
    throw unsupported(
      file,
      `the network has ${channels} input channels (${Object.values(names).slice(0, 6).join(', ')})`,
      `Supported are models with 1 to ${MOST_CHANNELS} channels.`,
    );
  }
  const { background } = labels;
  if (background !== 0) throw invalidPlans(file, 'labels.background', 'expected 0');
  const named = Object.entries(labels).filter(([name]) => name !== 'ignore');
  const isRegional = named.some(([, value]) => Array.isArray(value) && value.length > 1);
  return { channels, ...(isRegional ? regionsOf(named, order ?? undefined, file) : labelsOf(named)) };
}

type NamedLabels = readonly (readonly [name: string, value: number | readonly number[]])[];
type Outcome = Omit<V2Dataset, 'channels'>;

function labelsOf(named: NamedLabels): Outcome {
  const first = new Map<number, string>();
  for (const [name, value] of named) {
    for (const each of [value].flat()) if (!first.has(each)) first.set(each, name);
  }
  const sorted = [...first].sort(([a], [b]) => a - b);
  return {
    outputs: sorted.length,
    decision: { kind: 'logits' },
    labels: sorted.map(([, name], value) => ({ value, name })),
  };
}

function regionsOf(named: NamedLabels, order: readonly number[] | undefined, file: string): Outcome {
  const regions = named.filter(([, value]) => [value].flat().some((each) => each !== 0));
  if (order?.length !== regions.length) {
    throw invalidPlans(file, 'regions_class_order', `expected ${regions.length} values, one per region`);
  }
  const background = named.find(([, value]) => value === 0)?.[0] ?? 'background';
  const labels = new Map([[0, background]]);
  for (const [index, [name]] of regions.entries()) labels.set(order[index] ?? 0, name);
  return {
    outputs: regions.length,
    decision: { kind: 'regions', values: [...order] },
    labels: [...labels].map(([value, name]) => ({ value, name })),
  };
}
