import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parseV2Plans } from '../../../../toolkit/nnunet/v2/plans.ts';
import { parseV2Dataset } from '../../../../toolkit/nnunet/v2/recipe.ts';

const MODELS = fileURLToPath(new URL('../../../fixtures/nnunet-v2/models', import.meta.url));
const NEW = readFileSync(`${MODELS}/B_resenc_zscore4/nnUNetTrainer__nnUNetResEncUNetMPlans__2d/plans.json`, 'utf8');
const OLD = readFileSync(`${MODELS}/C_old_plans_grey/nnUNetTrainer__nnUNetPlans__2d/plans.json`, 'utf8');

/** The plans with fields of their configuration or of the network's arguments replaced. */
function plans(configuration: object, kwargs: object = {}, name = '2d') {
  const json = JSON.parse(NEW);
  const base = json.configurations['2d'];
  Object.assign(base.architecture.arch_kwargs, kwargs);
  json.configurations = { [name]: { ...base, ...configuration } };
  return parseV2Plans(json, name, 'plans.json');
}

describe('parseV2Plans', () => {
  it('reads new plans, and converts old ones', () => {
    expect(parseV2Plans(JSON.parse(NEW), '2d', 'plans.json')).toMatchObject({
      patch: [256, 224],
      isOld: false,
      normalisation: Array(3).fill({ scheme: 'ZScore', masked: false }),
      network: { name: 'ResidualEncoderUNet', encoder: [1, 3, 4, 2, 2, 2], stemFeatures: 8 },
    });
    expect(parseV2Plans(JSON.parse(OLD), '2d', 'plans.json')).toMatchObject({
      patch: [128, 160],
      isOld: true,
      normalisation: [{ scheme: 'None' }],
      network: { name: 'PlainConvUNet', features: [8, 16, 32, 32, 32], convBias: true },
    });
  });

  it('follows configurations that inherit from others', () => {
    const json = JSON.parse(NEW);
    json.configurations.large = { inherits_from: '2d', patch_size: [512, 448] };
    expect(parseV2Plans(json, 'large', 'plans.json').patch).toEqual([512, 448]);
    json.configurations['2d'].inherits_from = 'large';
    expect(() => parseV2Plans(json, 'large', 'plans.json')).toThrow(expect.objectContaining({ code: 'PLANS_INVALID' }));
  });

  it.each(['NoNormalization', 'CTNormalization'])('rejects %s of a network that was not trained on bytes', (scheme) => {
    const json = JSON.parse(NEW);
    json.configurations['2d'].normalization_schemes = [scheme, scheme, scheme];
    const [red] = Object.values<object>(json.foreground_intensity_properties_per_channel);
    expect(parseV2Plans(json, '2d', 'plans.json').normalisation[0]?.scheme).toMatch(/None|CT/);
    Object.assign(red ?? {}, { max: 4095, percentile_99_5: 3100 });
    expect(() => parseV2Plans(json, '2d', 'plans.json')).toThrow(/values from 0 to 4095.*8 bits/);
  });

  it('accepts one number for all stages, and other kernels, norms and activations', () => {
    const kwargs = {
      kernel_sizes: 5,
      features_per_stage: 16,
      n_blocks_per_stage: 2,
      norm_op: 'torch.nn.modules.batchnorm.BatchNorm2d',
      norm_op_kwargs: {},
      nonlin: 'torch.nn.ELU',
      nonlin_kwargs: { alpha: 0.5 },
    };
    expect(plans({}, kwargs).network).toMatchObject({
      kernels: Array(6).fill([5, 5]),
      features: Array(6).fill(16),
      norm: { kind: 'batch', epsilon: 1e-5, affine: true },
      activation: { kind: 'elu', alpha: 0.5 },
    });
  });

  it.each([
    ['a 3D configuration', { patch_size: [64, 64, 64] }, {}, '3d_fullres', '3d_fullres is a 3D configuration'],
    ['3D convolutions', {}, { conv_op: 'torch.nn.modules.conv.Conv3d' }, '2d', 'its convolutions are 3D'],
    ['a cascade', { previous_stage: '2d' }, {}, '2d', 'second stage of a cascade'],
    ['another spacing', { spacing: [0.5, 0.5] }, {}, '2d', 'spacing of 0.5 x 0.5'],
    ['another norm', {}, { norm_op: 'torch.nn.GroupNorm' }, '2d', 'torch.nn.GroupNorm'],
    ['another activation', {}, { nonlin: 'torch.nn.PReLU', nonlin_kwargs: {} }, '2d', 'torch.nn.PReLU'],
    ['another normalisation', { normalization_schemes: ['Own'] }, {}, '2d', 'normalised by Own'],
    [
      'another network',
      { architecture: { network_class_name: 'some.where.Primus', arch_kwargs: {} } },
      {},
      '2d',
      'its network is Primus',
    ],
  ])('refuses %s by name', (_, configuration, kwargs, name, message) => {
    const call = () => plans(configuration, kwargs, name);
    expect(call).toThrow(expect.objectContaining({ code: 'CHECKPOINT_UNSUPPORTED' }));
    expect(call).toThrow(message);
  });

  it.each([
    ['an even kernel', {}, { kernel_sizes: 4 }, 'kernel_sizes'],
    ['too few strides', {}, { strides: [[1, 1]] }, 'strides: expected 6 entries, got 1'],
    ['a stride of the first stage', {}, { strides: 2 }, 'strides: the first must be 1'],
    ['an uneven patch', { patch_size: [256, 220] }, {}, '220 px is not a multiple of 32'],
    ['an enormous patch', { patch_size: [1e9, 1e9] }, {}, 'patch_size'],
    ['an argument that is not known', {}, { squeeze: true }, 'squeeze'],
  ])('refuses %s, naming the field', (_, configuration, kwargs, message) => {
    const call = () => plans(configuration, kwargs);
    expect(call).toThrow(expect.objectContaining({ code: 'PLANS_INVALID' }));
    expect(call).toThrow(message);
  });
});

describe('parseV2Dataset', () => {
  const RGB = { channel_names: { 0: 'R', 1: 'G', 2: 'B' } };
  const dataset = (json: object) => parseV2Dataset({ ...RGB, ...json }, 'dataset.json');

  it('counts labels by position, without `ignore`', () => {
    expect(dataset({ labels: { background: 0, a: 2, b: 7, ignore: 8 } })).toEqual({
      channels: 3,
      outputs: 3,
      decision: { kind: 'logits' },
      labels: [
        { value: 0, name: 'background' },
        { value: 1, name: 'a' },
        { value: 2, name: 'b' },
      ],
    });
  });

  it('lists the values that regions write', () => {
    const labels = { background: 0, whole: [1, 2], core: 2 };
    expect(dataset({ labels, regions_class_order: [1, 2] })).toMatchObject({
      outputs: 2,
      decision: { kind: 'regions', values: [1, 2] },
      labels: [{ name: 'background' }, { value: 1, name: 'whole' }, { value: 2, name: 'core' }],
    });
  });

  it.each([
    [{ labels: { background: 0, whole: [1, 2] } }, 'PLANS_INVALID', 'regions_class_order'],
    [{ labels: { background: 1, a: 0 } }, 'PLANS_INVALID', 'labels.background'],
    [{ labels: { background: 0, a: 300 } }, 'PLANS_INVALID', '8 bits'],
    [
      { labels: { background: 0 }, channel_names: { 0: 'CT', 1: 'PET', 2: 'T1', 3: 'T2', 4: 'FLAIR' } },
      'CHECKPOINT_UNSUPPORTED',
      '5 input channels (CT, PET, T1, T2, FLAIR)',
    ],
    [{ labels: { background: 0 }, channel_names: {} }, 'PLANS_INVALID', 'channel_names: expected at least one channel'],
  ])('refuses %j', (json, code, message) => {
    expect(() => dataset(json)).toThrow(expect.objectContaining({ code }));
    expect(() => dataset(json)).toThrow(message);
  });
});
