import { z } from 'zod';
import { ReigniteError } from '../../errors.ts';
import { openCheckpoint, readPickleFile } from '../../pytorch/containers/checkpoint.ts';
import { asDict, dictGet, dictHas, type Located, locate } from '../../pytorch/pickle/value.ts';
import type { FoldFiles } from '../convert/model-folds.ts';
import { type ModelRecipe, v1StateDict } from '../convert/state-dict.ts';
import { type ModelMethod, type Normalisation, RGB_SOFTMAX } from '../model-card.ts';
import { invalidPlans, type NnunetPlans, parsePlansField, plainValue, readPlansFile, STAGE_ARGUMENT } from './plans.ts';
import { BATCH_NORM_TRAINER, INPUT_NAME, OUTPUT_NAME, STATISTICS, unetArchitecture, unetGraph } from './unet-graph.ts';

/**
 * Schema number of the conversion of nnU-Net v1. Raised whenever the same checkpoint would give a model with other outputs, so that
 * results of the old model are not reused.
 */
const V1_CONVERTER_SCHEMA = 1;
/**
 * The same for models that are normalised otherwise than by 255. The others keep their digest. 2: masks are
 * computed for each channel, and CT models are refused outside 0 to 255.
 */
const NORMALISATION_SCHEMA = 2;
/** The same for models with instance normalisation. 2: CPUs compute its means row by row. */
const INSTANCE_NORM_SCHEMA = 2;

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
      converterSchema: V1_CONVERTER_SCHEMA,
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
    weights: async (checkpoint, file) => v1StateDict(checkpoint, file),
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

/**
 * Returns the schema numbers of an nnU-Net v1 model. Models that are normalised otherwise than by 255, or refused, have
 * one more, and so have those with instance normalisation: what earlier versions made of them is not reused.
 */
export async function v1Schemas(first: FoldFiles): Promise<string> {
  const normalised = ` normalised ${NORMALISATION_SCHEMA}`;
  try {
    const { normalisation, hasInstanceNorm } = await readV1Input(first);
    const norm = hasInstanceNorm ? ` instance norm ${INSTANCE_NORM_SCHEMA}` : '';
    return `${V1_CONVERTER_SCHEMA}${normalisation === undefined ? '' : normalised}${norm}`;
  } catch (error) {
    if (error instanceof ReigniteError) return `${V1_CONVERTER_SCHEMA}${normalised}`;
    throw error;
  }
}

/** The plans of an nnU-Net v1 model, and how its images are normalised. */
interface V1Input {
  /** With the channels of the network. */
  readonly plans: NnunetPlans;
  /** One entry per channel; undefined for bytes / 255. */
  readonly normalisation: readonly Normalisation[] | undefined;
  /** Whether the layers of the network have instance normalisation, not batch normalisation. */
  readonly hasInstanceNorm: boolean;
}

/**
 * Reads the plans of an nnU-Net v1 model and how its images are normalised. Plans with fewer channels than the network were
 * not made by nnU-Net's own planner: their schemes are not used, so none of them is refused.
 *
 * @param first - Files of its first fold, whose plans apply to all.
 * @throws ReigniteError PLANS_INVALID, CHECKPOINT_UNSUPPORTED, or what reading the pickles throws.
 */
async function readV1Input(first: FoldFiles): Promise<V1Input> {
  const plans = await readPlansFile(first.plans);
  // The paper's models have batch normalisation and three channels: their checkpoints are not needed.
  const isBatchNormalised = BATCH_NORM_TRAINER.test(plans.trainer);
  const network = isBatchNormalised && plans.modalities > 1 ? undefined : await readNetwork(first.checkpoint);
  const hasInstanceNorm = !isBatchNormalised && network?.hasStatistics === false;
  if (plans.modalities === 1 && network?.channels === RGB_SOFTMAX.normalisation.length) {
    return { plans: { ...plans, modalities: network.channels }, normalisation: undefined, hasInstanceNorm };
  }
  const normalisation = await v1Normalisation(first.plans);
  if (normalisation !== undefined && normalisation.length !== plans.modalities) {
    throw invalidSchemes(first.plans, `expected ${plans.modalities} channels, got ${normalisation.length}`);
  }
  return { plans, normalisation, hasInstanceNorm };
}

/**
 * Reads what only the weights show: the number of channels, because plans with one modality may mean RGB (three channels
 * in one file), and whether there are statistics of batch normalisation.
 */
async function readNetwork(path: string) {
  const checkpoint = await openCheckpoint(path);
  try {
    const { tensors } = v1StateDict(checkpoint, path);
    const channels = tensors.get('conv_blocks_context.0.blocks.0.conv.weight')?.shape[1];
    return { channels, hasStatistics: [...tensors.keys()].some((name) => STATISTICS.test(name)) };
  } finally {
    await checkpoint.close();
  }
}

/** Planners and preprocessors of this name divide bytes by 255, whatever the schemes of the plans. */
const SCALED = /scale\w*to_?0_1/i;
/** Trainers of the paper's laboratory, which divide bytes by 255 without a preprocessor of nnU-Net. */
export const PAPER_TRAINER = /pathology_DA/;
/** Preprocessors of nnU-Net that normalise by the schemes of the plans. */
const BY_SCHEMES = [
  'GenericPreprocessor',
  'PreprocessorFor2D',
  'GenericPreprocessor_linearResampling',
  'Preprocessor3DDifferentResampling',
  'Preprocessor3DBetterResampling',
  'PreprocessorFor3D_NoResampling',
];
const PLANS_FILE_ARGUMENT = 0;
const FOLDER_ARGUMENT = 2;

const Schemes = z.record(z.string(), z.string('expected the name of a scheme'), 'expected a dict');
const Masks = z.record(z.string(), z.boolean('expected True or False'), 'expected a dict');
const Name = z.string('expected a name');
const Init = z.array(z.unknown()).catch([]);
const Intensities = z.record(z.string(), z.unknown()).catch({});
const Intensity = z.object({
  mean: z.number(),
  sd: z.number(),
  percentile_00_5: z.number(),
  percentile_99_5: z.number(),
});

/**
 * Reads how nnU-Net v1 normalises the channels of an image.
 *
 * @param path - A `model_best.model.pkl`.
 * @returns One entry per channel of the plans; undefined for bytes / 255: the preprocessor, the names of the plans or the
 *   paper's trainer say so, or the plans have no schemes.
 * @throws ReigniteError CHECKPOINT_UNSUPPORTED naming what is not supported; PLANS_INVALID.
 * @see `resample_and_normalize` of nnunet/preprocessing/preprocessing.py, nnU-Net v1
 */
export async function v1Normalisation(path: string): Promise<readonly Normalisation[] | undefined> {
  const root = locate(await readPickleFile(path), path, 'PLANS_INVALID');
  const plans = dictGet(root, 'plans');
  const init = Init.parse(plainValue(dictGet(root, 'init').value));
  if (isNamedScaled(root, init) || !dictHas(plans, 'normalization_schemes')) return undefined;
  const schemes = Object.entries(fieldOf(plans, 'normalization_schemes', Schemes));
  const { size } = asDict(dictGet(plans, 'normalization_schemes')).entries;
  if (size !== schemes.length || schemes.some(([channel], index) => channel !== String(index))) {
    throw invalidSchemes(path, 'expected channels numbered from 0');
  }
  if (schemes.every(([, scheme]) => SCALED.test(scheme))) return undefined;
  const masks = dictHas(plans, 'use_mask_for_norm') ? fieldOf(plans, 'use_mask_for_norm', Masks) : undefined;
  refusePreprocessor(plans);
  refuseResampling(plans, init, path);
  const intensities = intensitiesOf(plans);
  return schemes.map(([channel, scheme]) => {
    const masked = masks === undefined ? false : masks[channel];
    if (masked === undefined) throw invalidPlans(path, 'plans.use_mask_for_norm', `channel ${channel} is missing`);
    return normalisationOf(scheme, masked, intensities[channel], path);
  });
}

/** Returns whether the trainer or a name in the plans says that bytes are divided by 255. */
function isNamedScaled(root: Located, init: readonly unknown[]): boolean {
  const trainer = dictGet(root, 'name').value;
  if (typeof trainer === 'string' && PAPER_TRAINER.test(trainer)) return true;
  const plans = dictGet(root, 'plans');
  const named = ['preprocessor_name', 'data_identifier'].map((field) => dictGet(plans, field).value);
  const names = [...named, init[PLANS_FILE_ARGUMENT], init[FOLDER_ARGUMENT]];
  return names.some((name) => typeof name === 'string' && SCALED.test(name));
}

function refusePreprocessor(plans: Located): void {
  if (!dictHas(plans, 'preprocessor_name')) return;
  const preprocessor = fieldOf(plans, 'preprocessor_name', Name);
  if (BY_SCHEMES.includes(preprocessor)) return;
  throw unsupported(plans.file, `its images are normalised by the preprocessor ${preprocessor}`);
}

/** Reads a field of the plans that decides the values of pixels: a wrong one is refused, not ignored. */
function fieldOf<T>(plans: Located, field: string, schema: z.ZodType<T>): T {
  return parsePlansField(schema, plainValue(dictGet(plans, field).value), plans.file, `plans.${field}`);
}

/** Returns the error for schemes that do not fit the channels of the plans. */
function invalidSchemes(path: string, fault: string): ReigniteError {
  return invalidPlans(path, 'plans.normalization_schemes', fault);
}

function intensitiesOf(plans: Located): Readonly<Record<string, unknown>> {
  if (!dictHas(plans, 'dataset_properties')) return {};
  return Intensities.parse(plainValue(dictGet(dictGet(plans, 'dataset_properties'), 'intensityproperties').value));
}

function normalisationOf(scheme: string, masked: boolean, intensity: unknown, path: string): Normalisation {
  if (scheme === 'nonCT') return { scheme: 'ZScore', masked };
  if (scheme === 'noNorm') return { scheme: 'None' };
  if (scheme !== 'CT' || masked) {
    throw unsupported(path, `its images are normalised by ${scheme}${masked ? ' with a mask' : ''}`);
  }
  const found = Intensity.safeParse(intensity);
  if (!found.success) {
    throw new ReigniteError(
      'PLANS_INVALID',
      `${path}: plans.dataset_properties.intensityproperties: CT needs mean, sd, percentile_00_5 and percentile_99_5 of each channel.`,
    );
  }
  const { mean, sd: std, percentile_00_5: low, percentile_99_5: high } = found.data;
  // Images are read with 8 bits per sample.
  if (low < 0 || high > 255) {
    throw unsupported(path, `its images are normalised by CT for values from ${low} to ${high}, not 0 to 255`);
  }
  return { scheme: 'CT', mean, std, low, high };
}

/** µm or any other unit per px, along each axis; of three axes, the first is the slice. */
const Spacing = z.array(z.number()).min(2);

/** Images have no pixel size here, which is spacing 1 in nnU-Net. It would resample them to any other spacing. */
function refuseResampling(plans: Located, init: readonly unknown[], path: string): void {
  const stages = dictGet(plans, 'plans_per_stage');
  const stage = init[STAGE_ARGUMENT];
  const key = typeof stage === 'number' ? stage : 0;
  if (!dictHas(stages, key)) return;
  const spacing = Spacing.safeParse(plainValue(dictGet(dictGet(stages, key), 'current_spacing').value));
  if (!spacing.success)
    throw invalidPlans(path, `plans.plans_per_stage.${key}.current_spacing`, 'expected at least two numbers');
  const sides = spacing.data.slice(-2);
  if (sides.every((side) => side === 1)) return;
  throw unsupported(path, `nnU-Net would resample images to the spacing ${sides.join(' x ')}`);
}

function unsupported(path: string, what: string): ReigniteError {
  return new ReigniteError('CHECKPOINT_UNSUPPORTED', `${path}: ${what}, which is not supported.`, {
    remedy: 'Export the model to ONNX, and describe its input with `npx reignite model describe`.',
  });
}
