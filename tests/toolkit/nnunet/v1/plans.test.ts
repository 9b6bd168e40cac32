import { describe, expect, it } from 'vitest';
import { parsePlans } from '../../../../toolkit/nnunet/v1/plans.ts';

const STAGE = {
  patch_size: [512, 512],
  num_pool_per_axis: [3, 3],
  pool_op_kernel_sizes: [
    [2, 2],
    [2, 2],
    [2, 2],
  ],
  conv_kernel_sizes: [
    [3, 3],
    [3, 3],
    [3, 3],
    [3, 3],
  ],
};
const PLANS = {
  base_num_features: 8,
  num_modalities: 3,
  num_classes: 16,
  transpose_forward: [0, 1, 2],
  transpose_backward: [0, 1, 2],
  plans_per_stage: { 0: STAGE },
};
const INIT = ['/plans.pkl', 0, '/results', '/data', true, 0, true, false, true];

function info(plans: object = {}, stage: object = {}, rest: object = {}): unknown {
  const plansPerStage = { 0: { ...STAGE, ...stage } };
  return {
    name: 'nnUNetTrainerV2_BN',
    init: INIT,
    plans: { ...PLANS, plans_per_stage: plansPerStage, ...plans },
    ...rest,
  };
}

describe('parsePlans', () => {
  it('reads what determines the network, with one class more than the plans count', () => {
    expect(parsePlans(info(), 'a.pkl')).toEqual({
      trainer: 'nnUNetTrainerV2_BN',
      patch: [512, 512],
      pools: STAGE.pool_op_kernel_sizes,
      kernels: STAGE.conv_kernel_sizes,
      baseFeatures: 8,
      modalities: 3,
      classes: 17,
      convPerStage: 2,
    });
  });

  it('uses the number of convolutions per stage if the plans have it', () => {
    expect(parsePlans(info({ conv_per_stage: 3 }), 'a.pkl').convPerStage).toBe(3);
  });

  it('fills in what early plans lack: an axis with fewer poolings starts later', () => {
    const early = { num_pool_per_axis: [3, 1], pool_op_kernel_sizes: undefined, conv_kernel_sizes: undefined };
    const { pools, kernels } = parsePlans(info({ transpose_forward: null }, early), 'a.pkl');
    expect(pools).toEqual([
      [2, 1],
      [2, 1],
      [2, 2],
    ]);
    expect(kernels).toEqual(STAGE.conv_kernel_sizes);
  });

  it('uses the stage in the arguments, or the only one', () => {
    const two = { 0: STAGE, 1: { ...STAGE, patch_size: [256, 256] } };
    const second = INIT.with(5, 1);
    expect(parsePlans(info({ plans_per_stage: two }, {}, { init: second }), 'a.pkl').patch).toEqual([256, 256]);
    expect(parsePlans(info({}, {}, { init: [] }), 'a.pkl').patch).toEqual([512, 512]);
  });

  it.each([
    ['no plans', info({}, {}, { plans: undefined }), 'a.pkl: plans: '],
    ['no patch size', info({}, { patch_size: undefined }), 'a.pkl: plans.plans_per_stage.0.patch_size: '],
    ['a 3D patch', info({}, { patch_size: [64, 64, 64] }), 'plans_per_stage.0.patch_size: expected two axes'],
    ['no base width', info({ base_num_features: undefined }), 'a.pkl: plans.base_num_features: '],
    ['five channels', info({ num_modalities: 5 }), 'plans.num_modalities: expected at most 4 channels'],
    [
      'a large kernel',
      info({}, { conv_kernel_sizes: [[5, 5], ...STAGE.conv_kernel_sizes.slice(1)] }),
      'conv_kernel_sizes.0.0: expected a kernel of 1 or 3',
    ],
    ['too few kernels', info({}, { conv_kernel_sizes: [[3, 3]] }), 'conv_kernel_sizes: expected 4 kernels, got 1'],
    ['no poolings', info({}, { pool_op_kernel_sizes: [] }), 'plans_per_stage.0.pool_op_kernel_sizes: '],
    [
      'a patch that the poolings do not divide',
      info({}, { patch_size: [512, 500] }),
      'patch_size: 500 px is not a multiple of 8',
    ],
    ['reordered axes', info({ transpose_forward: [1, 0, 2] }), 'plans.transpose_forward: expected [0, 1, 2]'],
    [
      'two stages and none named',
      info({ plans_per_stage: { 0: STAGE, 1: STAGE } }, {}, { init: [] }),
      'init: stage undefined',
    ],
    [
      'a stage that does not exist',
      info({}, {}, { init: INIT.with(5, 4) }),
      'init: stage 4 is not one of plans_per_stage (0)',
    ],
    ['nothing', undefined, 'a.pkl: the content: '],
  ])('refuses %s and names the field', (_, value, message) => {
    expect(() => parsePlans(value, 'a.pkl')).toThrow(expect.objectContaining({ code: 'PLANS_INVALID' }));
    expect(() => parsePlans(value, 'a.pkl')).toThrow(message);
  });

  it.each([
    ['nnUNetTrainerV2_ReLU', 'does not use LeakyReLU 0.01'],
    ['nnUNetTrainerV2_GN', 'uses group normalisation'],
  ])('rejects the trainer %s, whose layers would go unnoticed', (name, message) => {
    const plans = info({}, {}, { name });
    expect(() => parsePlans(plans, 'a.pkl')).toThrow(expect.objectContaining({ code: 'CHECKPOINT_UNSUPPORTED' }));
    expect(() => parsePlans(plans, 'a.pkl')).toThrow(`the trainer ${name} ${message}.`);
  });
});
