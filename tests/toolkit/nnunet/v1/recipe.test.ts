import { cp, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { sha256Of } from '../../../../toolkit/files/hash-file.ts';
import { prepareTissueModel } from '../../../../toolkit/models/tissue-model.ts';
import { convertModel, hashSources, modelDigest } from '../../../../toolkit/nnunet/convert/convert-model.ts';
import { findFolds } from '../../../../toolkit/nnunet/convert/model-folds.ts';
import { methodOf, RGB_SOFTMAX } from '../../../../toolkit/nnunet/model-card.ts';
import { readTiledRoi } from '../../../../toolkit/nnunet/sliding-window/tiled-roi.ts';
import { v1Normalisation } from '../../../../toolkit/nnunet/v1/recipe.ts';
import { temporaryFolder } from '../../../support/in-temporary-folder.ts';
import { type Plain, pickled } from '../../../support/write-pickle.ts';

const PLAIN = join(import.meta.dirname, '..', '..', '..', 'fixtures', 'nnunet', 'plain');
const three = (value: Plain) => ({ 0: value, 1: value, 2: value });
const INTENSITY = { mean: 120.5, sd: 30.25, percentile_00_5: 10.5, percentile_99_5: 240.5 };

interface Changes {
  readonly plans?: { readonly [key: string]: Plain };
  readonly spacing?: readonly number[];
  readonly trainer?: string;
  readonly file?: string;
}

/** The description of the network in `fixtures/nnunet/plain`. */
function described({ plans = {}, spacing = [999, 1, 1], trainer = 'nnUNetTrainerV2_BN', file = 'a.pkl' }: Changes) {
  const stage = {
    patch_size: [32, 32],
    current_spacing: spacing,
    pool_op_kernel_sizes: [
      [2, 2],
      [2, 2],
    ],
    conv_kernel_sizes: [
      [3, 3],
      [3, 3],
      [3, 3],
    ],
  };
  return pickled({
    name: trainer,
    init: [file, 0, '/results', '/data', true, 0],
    plans: {
      num_modalities: 3,
      num_classes: 4,
      base_num_features: 4,
      plans_per_stage: { 0: stage },
      preprocessor_name: 'PreprocessorFor2D',
      use_mask_for_norm: three(false),
      ...plans,
    },
  });
}

async function planned(changes: Changes): Promise<string> {
  const path = join(await temporaryFolder(), 'model_best.model.pkl');
  await writeFile(path, described(changes));
  return path;
}

async function modelWith(changes: Changes): Promise<string> {
  const folder = await temporaryFolder();
  await cp(join(PLAIN, 'fold_0'), join(folder, 'fold_0'), { recursive: true });
  await writeFile(join(folder, 'fold_0', 'model_best.model.pkl'), described(changes));
  return folder;
}

describe('v1Normalisation', () => {
  const nonCT = { normalization_schemes: three('nonCT') };

  it('reads z-scores, with and without a mask, CT and none', async () => {
    expect(await v1Normalisation(await planned({ plans: nonCT }))).toEqual(
      Array.from({ length: 3 }, () => ({ scheme: 'ZScore', masked: false })),
    );
    const plans = {
      normalization_schemes: { 0: 'nonCT', 1: 'CT', 2: 'noNorm' },
      use_mask_for_norm: { 0: true, 1: false, 2: false },
      dataset_properties: { intensityproperties: { 1: INTENSITY } },
    };
    expect(await v1Normalisation(await planned({ plans }))).toEqual([
      { scheme: 'ZScore', masked: true },
      { scheme: 'CT', mean: 120.5, std: 30.25, low: 10.5, high: 240.5 },
      { scheme: 'None' },
    ]);
  });

  it.each([
    ['no schemes', {}],
    ['the scheme', { plans: { normalization_schemes: three('scaleTo_0_1') } }],
    ['the preprocessor', { plans: { ...nonCT, preprocessor_name: 'GenericPreprocessor_scale_uint8_to_0_1' } }],
    ['the name of the data', { plans: { ...nonCT, data_identifier: 'nnUNet_RGB_scaleTo_0_1_bs8_ps512' } }],
    ['the plans file', { plans: nonCT, file: '/x/nnUNet_RGB_scaleTo_0_1_bs8_ps512_plans_2D.pkl' }],
    ["the paper's trainer", { plans: nonCT, trainer: 'nnUNetTrainerV2_BN_pathology_DA_ignore0_hed005' }],
    [
      "the paper's trainer, whatever the other fields",
      {
        plans: { normalization_schemes: { 0: 5 }, use_mask_for_norm: three(1) },
        trainer: 'nnUNetTrainerV2_BN_pathology_DA_ignore0_hed005',
      },
    ],
  ])('divides bytes by 255 because of %s', async (_, changes) => {
    expect(await v1Normalisation(await planned(changes))).toBeUndefined();
  });

  it.each([
    ['another scheme', { plans: { normalization_schemes: three('CT2') } }, 'normalised by CT2'],
    [
      'CT with a mask',
      { plans: { normalization_schemes: three('CT'), use_mask_for_norm: three(true) } },
      'by CT with a mask',
    ],
    ['another preprocessor', { plans: { ...nonCT, preprocessor_name: 'Own' } }, 'by the preprocessor Own'],
    ['another spacing', { plans: nonCT, spacing: [999, 0.5, 0.5] }, 'to the spacing 0.5 x 0.5'],
    [
      'a spacing of one number',
      { plans: nonCT, spacing: [1] },
      'plans_per_stage.0.current_spacing: expected at least two',
    ],
    [
      'a spacing that is not a number',
      { plans: nonCT, spacing: [1, Number.NaN] },
      'current_spacing: expected at least two',
    ],
    ['CT without its numbers', { plans: { normalization_schemes: three('CT') } }, 'CT needs mean, sd'],
    ['a scheme that is not text', { plans: { normalization_schemes: { ...three('nonCT'), 1: 5 } } }, 'schemes.1: exp'],
    ['schemes without a number', { plans: { normalization_schemes: { 0: 'nonCT', 2: 'nonCT' } } }, 'numbered from 0'],
    ['a mask that is a number', { plans: { ...nonCT, use_mask_for_norm: { ...three(false), 2: 1 } } }, 'norm.2: exp'],
    ['a mask too few', { plans: { ...nonCT, use_mask_for_norm: { 0: true, 1: true } } }, 'channel 2 is missing'],
  ])('refuses %s', async (_, changes, message) => {
    await expect(v1Normalisation(await planned(changes))).rejects.toThrow(message);
  });
});

async function sourcesOf(folder: string) {
  return hashSources(await findFolds(folder, [0]), { mirroring: false });
}

/** The digest of models that divide bytes by 255. */
function earlierDigest(plansSha256: string, checkpointSha256: readonly string[]): string {
  return sha256Of(['nnunet-v1-2d 1', plansSha256, ...checkpointSha256].join('\n'));
}

describe('an nnU-Net v1 model of three channels', () => {
  it('has the normalisation of its plans and a digest of its own', async () => {
    const scaled = await modelWith({});
    const scored = await modelWith({ plans: { normalization_schemes: three('nonCT') } });
    const cards = [];
    for (const folder of [scaled, scored]) {
      cards.push(await convertModel({ folder, folds: [0], out: join(folder, 'out') }));
    }
    const [before, after] = cards.map(methodOf);
    expect(before).toEqual(RGB_SOFTMAX);
    const normalisation = Array.from({ length: 3 }, () => ({ scheme: 'ZScore', masked: false }));
    expect(after).toEqual({ ...RGB_SOFTMAX, normalisation, cropped: true });
    expect(cards[1]?.digest).toBe(await modelDigest(scored, [0]));
    // The same network.
    expect(cards[1]?.folds[0]?.sha256).toBe(cards[0]?.folds[0]?.sha256);
  });

  it('is refused with schemes of another number of channels', async () => {
    const folder = await modelWith({ plans: { normalization_schemes: { 0: 'nonCT', 1: 'nonCT' } } });
    await expect(convertModel({ folder, folds: [0], out: join(folder, 'out') })).rejects.toMatchObject({
      code: 'PLANS_INVALID',
      message: expect.stringContaining('normalization_schemes: expected 3 channels, got 2'),
    });
  });

  it('is not found under the digest from before masks were computed for each channel', async () => {
    const scored = await modelWith({ plans: { normalization_schemes: three('nonCT') } });
    const { digest, plansSha256, checkpointSha256 } = await sourcesOf(scored);
    const lines = (head: string) => sha256Of([head, plansSha256, ...checkpointSha256].join('\n'));
    expect(digest).not.toBe(lines('nnunet-v1-2d 1 normalised'));
    expect(digest).toBe(lines('nnunet-v1-2d 1 normalised 2'));
  });

  it('is not found under its earlier digest if it is now refused', async () => {
    const folder = await modelWith({ plans: { normalization_schemes: three('CT2') } });
    const { digest, plansSha256, checkpointSha256 } = await sourcesOf(folder);
    expect(digest).not.toBe(earlierDigest(plansSha256, checkpointSha256));
    const models = join(folder, 'models');
    const old = join(models, earlierDigest(plansSha256, checkpointSha256));
    const card = await convertModel({ folder: await modelWith({}), folds: [0], out: old });
    await writeFile(join(old, 'model.json'), JSON.stringify({ ...card, digest: basename(old) }));
    await expect(prepareTissueModel(folder, models, { folds: [0] })).rejects.toThrow('normalised by CT2');
  });

  it('keeps its digest and takes RGB if its plans have one modality, whatever their schemes', async () => {
    const plans = { num_modalities: 1, use_mask_for_norm: { 0: false } };
    for (const scheme of ['nonCT', 'CT2']) {
      const folder = await modelWith({ plans: { ...plans, normalization_schemes: { 0: scheme } } });
      const { digest, plansSha256, checkpointSha256 } = await sourcesOf(folder);
      expect(digest).toBe(earlierDigest(plansSha256, checkpointSha256));
      const card = await convertModel({ folder, folds: [0], out: join(folder, 'out') });
      expect(methodOf(card)).toEqual(RGB_SOFTMAX);
    }
  });

  it('crops black borders before it computes mean and deviation', async () => {
    const path = join(await temporaryFolder(), 'image.png');
    const inner = { width: 40, height: 36, channels: 3, background: { r: 10, g: 20, b: 30 } } as const;
    await sharp({ create: inner })
      .extend({ top: 5, bottom: 3, left: 2, right: 4, background: 'black' })
      .png()
      .toFile(path);
    const patch = { height: 32, width: 32 };
    const method = { ...RGB_SOFTMAX, cropped: true } as const;
    const job = { image: path, scope: 'full' } as const;
    const { roi } = await readTiledRoi(job, { patch, method });
    expect(roi.part).toEqual({ top: 5, bottom: 41, left: 2, right: 42 });
    expect((await readTiledRoi(job, { patch, method: RGB_SOFTMAX })).roi.part).toMatchObject({ top: 0, left: 0 });
  });
});
