import { z } from 'zod';
import { ReigniteError } from '../../errors.ts';
import { dictGet, dictHas, type Located, locate } from '../../pytorch/pickle/access.ts';
import { readPickleFile } from '../../pytorch/pickle/unpickle.ts';
import type { Normalisation } from '../model-method.ts';
import { plainValue } from './plans.ts';

/** Planners and preprocessors of this name divide bytes by 255, whatever the schemes of the plans. */
const SCALED = /scale\w*to_?0_1/i;
/** Trainers of the paper's laboratory, which divide bytes by 255 without a preprocessor of nnU-Net. */
const PAPER_TRAINER = /pathology_DA/;
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
const STAGE_ARGUMENT = 5;

const ByChannel = <Value extends z.ZodType>(value: Value) => z.record(z.string(), value).catch({});
const Fields = z.object({
  schemes: ByChannel(z.string()),
  masked: ByChannel(z.boolean()),
  intensities: ByChannel(z.unknown()),
  preprocessor: z.string().nullish().catch(undefined),
  identifier: z.string().nullish().catch(undefined),
  init: z.array(z.unknown()).catch([]),
  trainer: z.string().catch(''),
});
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
  const fields = Fields.parse({
    schemes: plainValue(dictGet(plans, 'normalization_schemes').value),
    masked: plainValue(dictGet(plans, 'use_mask_for_norm').value),
    intensities: intensitiesOf(plans),
    preprocessor: plainValue(dictGet(plans, 'preprocessor_name').value),
    identifier: plainValue(dictGet(plans, 'data_identifier').value),
    init: plainValue(dictGet(root, 'init').value),
    trainer: plainValue(dictGet(root, 'name').value),
  });
  const schemes = Object.entries(fields.schemes);
  if (schemes.length === 0 || isScaled(fields)) return undefined;
  const { preprocessor } = fields;
  if (typeof preprocessor === 'string' && !BY_SCHEMES.includes(preprocessor)) {
    throw unsupported(path, `its images are normalised by the preprocessor ${preprocessor}`);
  }
  refuseResampling(plans, fields.init, path);
  return schemes.map(([channel, scheme]) =>
    normalisationOf(scheme, fields.masked[channel] ?? false, fields.intensities[channel], path),
  );
}

function isScaled({ schemes, preprocessor, identifier, init, trainer }: z.infer<typeof Fields>): boolean {
  const names = [preprocessor, identifier, init[PLANS_FILE_ARGUMENT], init[FOLDER_ARGUMENT]];
  if (PAPER_TRAINER.test(trainer)) return true;
  if (names.some((name) => typeof name === 'string' && SCALED.test(name))) return true;
  return Object.values(schemes).every((scheme) => SCALED.test(scheme));
}

function intensitiesOf(plans: Located): unknown {
  if (!dictHas(plans, 'dataset_properties')) return {};
  return plainValue(dictGet(dictGet(plans, 'dataset_properties'), 'intensityproperties').value);
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
  return { scheme: 'CT', mean, std, low, high };
}

/** Images have no pixel size here, which is spacing 1 in nnU-Net. It would resample them to any other spacing. */
function refuseResampling(plans: Located, init: readonly unknown[], path: string): void {
  const stages = dictGet(plans, 'plans_per_stage');
  const stage = init[STAGE_ARGUMENT];
  const key = typeof stage === 'number' ? stage : 0;
  if (!dictHas(stages, key)) return;
  const spacing = z
    .array(z.number())
    .catch([])
    .parse(plainValue(dictGet(dictGet(stages, key), 'current_spacing').value));
  const sides = spacing.slice(-2);
  if (sides.every((side) => side === 1)) return;
  throw unsupported(path, `nnU-Net would resample images to the spacing ${sides.join(' x ')}`);
}

function unsupported(path: string, what: string): ReigniteError {
  return new ReigniteError('CHECKPOINT_UNSUPPORTED', `${path}: ${what}, which is not supported.`, {
    remedy: 'Export the model to ONNX, and describe its input with `npx reignite model describe`.',
  });
}
