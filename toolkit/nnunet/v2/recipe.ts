import { readFile, stat } from 'node:fs/promises';
import { ReigniteError } from '../../errors.ts';
import { openCheckpoint } from '../../pytorch/containers/checkpoint.ts';
import { V2_CONVERTER_SCHEMA } from '../convert/model-digest.ts';
import type { FoldFiles } from '../convert/model-folds.ts';
import type { ModelRecipe } from '../convert/model-recipe.ts';
import { type V2Training, v2StateDict, v2Training } from './checkpoint.ts';
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
    weights: async (checkpoint, path) => ({ ...(await v2StateDict(checkpoint, path)), parallelPrefix: false }),
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
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    throw new ReigniteError('PLANS_INVALID', `${path} is not JSON.`, { cause });
  }
}
